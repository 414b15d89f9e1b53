package com.example.bank

import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.w3c.dom.Element

/** What only an Android build reads, and no such build runs here: the manifest and the Gradle files agree with what is tested. */
class ShippedTest {
  private val manifest = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(File("src/main/AndroidManifest.xml")).documentElement
  private val gradle = File("build.gradle.kts").readText()
  private val pom = File("pom.xml").readText()

  private fun elements(name: String) = manifest.getElementsByTagName(name).let { found -> List(found.length) { found.item(it) as Element } }

  private fun names(element: String) = elements(element).map { it.getAttribute("android:name") }

  private val library = File("../attest-mobile/android/pom.xml").readText()

  private fun version(property: String, pom: String = this.pom) = pom.substringAfter("<$property.version>").substringBefore("<")

  @Test
  fun everyScreenIsDeclared() {
    val screens = File("src/main/kotlin/com/example/bank").listFiles()!!.filter { ": Screen()" in it.readText() }.map { ".${it.nameWithoutExtension}" }
    assertEquals(screens.toSet(), names("activity").toSet())
    assertTrue(".OnboardingScreen" in screens)
    for (name in names("activity") + names("application")) Class.forName("com.example.bank$name")
  }

  @Test
  fun theBuildFillsInWhatTheAppReads() {
    assertEquals(listOf("com.example.bank.api"), names("meta-data"))
    val placeholder = elements("meta-data").single().getAttribute("android:value").removeSurrounding("\${", "}")
    assertTrue(placeholder, "manifestPlaceholders[\"$placeholder\"]" in gradle)
    for (file in listOf("build.gradle.kts", "src/main/kotlin/com/example/bank/BankSettings.kt")) assertTrue(file, "\"policy-root.json\"" in File(file).readText())
  }

  @Test
  fun versionsAreThoseThatAreTested() {
    assertTrue("\"org.jetbrains.kotlin.android\") version \"${version("kotlin")}\"" in gradle)
    assertTrue("\"com.squareup.okhttp3:okhttp:${version("okhttp")}\"" in gradle)
    assertTrue("\"org.jetbrains.kotlinx:kotlinx-coroutines-core:${version("coroutines", library)}\"" in gradle)
    val own = library.substringAfter("<artifactId>attest-mobile-android</artifactId>").substringAfter("<version>").substringBefore("<")
    assertTrue("\"attest:attest-mobile-android:$own\"" in gradle)
    for (property in listOf("kotlin", "okhttp", "robolectric", "android")) assertEquals(version(property, library), version(property))
  }

  @Test
  fun theThreeLinesAreMarked() {
    val marked = (File("src/main").walk() + File("build.gradle.kts")).filter { it.isFile }.associateWith { file ->
      file.readLines().zipWithNext().filter { "Integration, line" in it.first }.map { it.second.trim() }
    }.values.flatten()
    val lines = setOf("implementation(\"attest:attest-mobile-android:0.1.0\")", "attest = Attest.start(this, config)", ".addInterceptor(attest.interceptor())")
    assertEquals(lines, marked.map { it.substringBefore(" //") }.toSet())
    for (line in lines) assertTrue(line, "`$line`" in File("README.md").readText())
  }
}
