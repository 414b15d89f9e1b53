// The app: `gradle installDebug -PbankApi=http://127.0.0.1:8080 -PpolicyRoot=my-gateway/keys/policy-root.json`
plugins {
  id("com.android.application") version "8.13.0"
  id("org.jetbrains.kotlin.android") version "2.3.21"
}

/** Where the gateway answers. */
val bankApi = providers.gradleProperty("bankApi").getOrElse("https://api.bank.example")

/** The operator's file. Which one an app is built with decides whose policies it believes. */
val policyRoot = providers.gradleProperty("policyRoot")

android {
  namespace = "com.example.bank"
  compileSdk = 35

  defaultConfig {
    applicationId = "com.example.bank"
    minSdk = 24
    targetSdk = 35
    versionCode = 20400
    versionName = "2.4.0"
    manifestPlaceholders["bankApi"] = bankApi
  }

  buildTypes {
    release {
      isMinifyEnabled = true
      proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
    }
  }

  compileOptions {
    sourceCompatibility = JavaVersion.VERSION_17
    targetCompatibility = JavaVersion.VERSION_17
  }
}

kotlin { jvmToolchain(17) }

dependencies {
  // Integration, line 1 of 3.
  implementation("attest:attest-mobile-android:0.1.0")
  implementation("com.squareup.okhttp3:okhttp:4.12.0")
  implementation("org.jetbrains.kotlinx:kotlinx-coroutines-core:1.10.2")
}

/** Puts the root into the app, under the name that BankSettings reads. */
abstract class TakeRoot : DefaultTask() {
  @get:InputFile abstract val root: RegularFileProperty
  @get:OutputDirectory abstract val assets: DirectoryProperty

  @TaskAction
  fun take() {
    root.get().asFile.copyTo(assets.file("policy-root.json").get().asFile, overwrite = true)
  }
}

val takeRoot = tasks.register<TakeRoot>("takeRoot") { root = layout.projectDirectory.file(policyRoot) }

androidComponents {
  onVariants { it.sources.assets?.addGeneratedSourceDirectory(takeRoot, TakeRoot::assets) }
}
