package attest.mobile.shipped

import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** Gradle's build cannot run here. What it says must be what is tested here. */
class GradleShippedTest {
  private val library = File("build.gradle.kts").readText()

  private val properties: Map<String, String> by lazy {
    val all = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(File("pom.xml")).getElementsByTagName("properties").item(0).childNodes
    (0 until all.length).map { all.item(it) }.associate { it.nodeName to it.textContent }
  }

  @Test
  fun dependenciesAreTheTestedOnes() {
    for ((dependency, property) in listOf(
      "net.java.dev.jna:jna:%s@aar" to "jna.version", "com.squareup.okhttp3:okhttp:%s" to "okhttp.version",
      "org.jetbrains.kotlinx:kotlinx-coroutines-core:%s" to "coroutines.version",
    )) {
      val expected = "\"${dependency.format(properties.getValue(property))}\""
      assertTrue(expected, expected in library)
    }
    assertTrue("id(\"org.jetbrains.kotlin.android\") version \"${properties["kotlin.version"]}\"" in library)
  }

  @Test
  fun theLibraryIsLinkedAsItIsReviewed() {
    val link = File("../../xtask/src/mobile/build.rs").readText().substringAfter("const LINK").substringBefore("];")
    val reviewed = Regex("(?m)^ *\"([^\"]+)\",$").findAll(link).map { it.groupValues[1] }.toSet() - "--shared"
    assertTrue("$reviewed", reviewed.size >= 10)
    val ours = Regex("\"([^\"]+)\"").findAll(library.substringAfter("val LINK = listOf(").substringBefore(")")).map { it.groupValues[1] }.toSet()
    // The linker that is used in tests has it by default.
    assertEquals(reviewed, ours - "-zrelro")
  }

  @Test
  fun theNumbersAreThoseOfTheTests() {
    val namespace = Regex("namespace = \"(.*)\"").find(library)!!.groupValues[1]
    assertEquals("attest.mobile", namespace)
    assertTrue("minSdk = 24" in library && "MIN_SDK = \"24\"" in library)
    assertTrue("compileSdk = 35" in library)
    assertTrue("consumerProguardFiles(\"consumer-rules.pro\")" in library)
  }
}
