// The AAR that apps link: `gradle assembleRelease`, with Gradle 8.13, the Android SDK and NDK, Rust, its targets
// aarch64-linux-android and x86_64-linux-android, and cargo-ndk.
//
// Nobody has run this build where the project is tested, see settings.gradle.kts. There, the same sources are compiled against Android's
// framework and tested by pom.xml.
import javax.inject.Inject
import org.gradle.process.ExecOperations

plugins {
  id("com.android.library") version "8.13.0"
  id("org.jetbrains.kotlin.android") version "2.3.21"
  `maven-publish`
}

group = "attest"
version = "0.1.0"

android {
  namespace = "attest.mobile"
  compileSdk = 35
  ndkVersion = "27.2.12479018"

  defaultConfig {
    minSdk = 24
    consumerProguardFiles("consumer-rules.pro")
    // 32-bit phones: add armeabi-v7a here and to TARGETS.
    ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
  }

  compileOptions {
    sourceCompatibility = JavaVersion.VERSION_17
    targetCompatibility = JavaVersion.VERSION_17
  }

  sourceSets["main"].java.srcDirs("src/main/java", "src/main/kotlin")
  buildFeatures { buildConfig = false }
  publishing { singleVariant("release") { withSourcesJar() } }
}

kotlin { jvmToolchain(17) }

dependencies {
  implementation("org.jetbrains.kotlinx:kotlinx-coroutines-core:1.10.2")
  // With its own native half, in pages of 16 KB.
  implementation("net.java.dev.jna:jna:5.18.1@aar")
  // Only the interceptor names it: apps without OkHttp do not get it.
  compileOnly("com.squareup.okhttp3:okhttp:4.12.0")
}

publishing {
  publications {
    register<MavenPublication>("release") { afterEvaluate { from(components["release"]) } }
  }
}

// libattest.so for phones, and the Kotlin that calls it.

/** Writes the bindings of the library as it is for this computer: their content is the same for phones. */
abstract class WriteBindings @Inject constructor(private val commands: ExecOperations) : DefaultTask() {
  @get:Internal abstract val workspace: DirectoryProperty
  @get:OutputDirectory abstract val bindings: DirectoryProperty

  @TaskAction
  fun write() {
    cargo("build", "--locked", "--package", "attest-mobile-library")
    val built = workspace.file("target/debug/" + System.mapLibraryName("attest")).get().asFile.path
    cargo(
      "run", "--locked", "--package", "attest-mobile-bindgen", "--", "--library", built, "bindings", "--language", "kotlin", "--out",
      bindings.get().asFile.path,
    )
  }

  private fun cargo(vararg arguments: String) = commands.exec {
    workingDir(workspace)
    commandLine(listOf("cargo") + arguments)
  }
}

/** Compiles the library for phones, and links it so that it shows no names but the reviewed ones. */
abstract class LinkLibrary @Inject constructor(private val commands: ExecOperations) : DefaultTask() {
  @get:Internal abstract val workspace: DirectoryProperty
  @get:Internal abstract val ndk: DirectoryProperty
  @get:InputFile abstract val exports: RegularFileProperty
  @get:OutputDirectory abstract val libraries: DirectoryProperty

  @TaskAction
  fun link() {
    val names = exports.get().asFile.readLines().map { it.substringBefore('#').split(Regex(" +")) }
      .filter { it.size == 2 && it[0] in listOf("all", "android") }.map { it[1] }
    val script = temporaryDir.resolve("exports.map").apply { writeText("{ global: ${names.joinToString("; ")}; local: *; };\n") }
    for ((abi, triple) in TARGETS) {
      commands.exec {
        workingDir(workspace)
        commandLine(
          "cargo", "ndk", "--target", abi, "--platform", MIN_SDK, "rustc", "--locked", "--profile", "mobile", "--package", "attest-mobile-library",
          "--crate-type", "staticlib",
        )
      }
      val archive = workspace.file("target/$triple/mobile/libattest.a").get().asFile.path
      val library = libraries.file("$abi/libattest.so").get().asFile.apply { parentFile.mkdirs() }
      val words = LINK + names.map { "--undefined=$it" } + "--version-script=$script" + "-soname=libattest.so" + "--no-undefined"
      commands.exec {
        commandLine(listOf(clang(), "--target=$triple$MIN_SDK", "-shared") + words.map { "-Wl,$it" } + listOf("-o", library.path, archive, "-llog"))
      }
    }
  }

  private fun clang() = ndk.get().asFile.resolve("toolchains/llvm/prebuilt").listFiles().orEmpty().single().resolve("bin/clang").path

  private companion object {
    const val MIN_SDK = "24"
    val TARGETS = mapOf("arm64-v8a" to "aarch64-linux-android", "x86_64" to "x86_64-linux-android")

    /** As in xtask/src/mobile/build.rs, where the reasons are. */
    val LINK = listOf(
      "-O2", "--gc-sections", "--eh-frame-hdr", "--strip-all", "-znow", "-zrelro", "-znoexecstack", "-zmax-page-size=16384", "--pack-dyn-relocs=android",
      "--hash-style=gnu", "--icf=all", "--wrap=ring_core_0_17_14__p256_point_mul_base", "--wrap=ring_core_0_17_14__p256_point_mul_base_vartime",
    )
  }
}

val root = layout.projectDirectory.dir("../..")
val bindings = tasks.register<WriteBindings>("writeBindings") { workspace = root }
val libraries = tasks.register<LinkLibrary>("linkLibrary") {
  workspace = root
  exports = root.file("attest-mobile/link/exports.txt")
}
// Cargo knows best what has changed.
for (task in listOf(bindings, libraries)) task.configure { outputs.upToDateWhen { false } }

androidComponents {
  libraries.configure { ndk = sdkComponents.ndkDirectory }
  onVariants { variant ->
    variant.sources.java?.addGeneratedSourceDirectory(bindings, WriteBindings::bindings)
    variant.sources.jniLibs?.addGeneratedSourceDirectory(libraries, LinkLibrary::libraries)
  }
}
