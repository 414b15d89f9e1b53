package attest.mobile.shipped

import android.app.Activity
import android.app.Service
import android.content.BroadcastReceiver
import android.content.ContentProvider
import attest.mobile.shipped.Manifest.android
import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** The library's manifest, against the detectors that depend on it, the classes that it names and the framework. */
class ManifestShippedTest {
  /** A package that is asked for and not named is never there; one that is named and not asked for is nobody's business. */
  @Test
  fun namesThePackagesThatTheDetectorsAskFor() {
    val packs = File("../../policy/packs/android").listFiles { file -> file.extension == "yaml" }!!
    assertTrue("no packs", packs.size >= 6)
    val asked = packs.flatMap { pack -> ASKED.findAll(pack.readText()).map { it.groupValues[1] } }.toSortedSet()
    val named = Manifest.all("package").map { it.android("name") }
    assertTrue("nothing is asked", asked.size >= 20)
    assertEquals(asked, named.toSortedSet())
    assertEquals("named twice", named.size, named.toSet().size)
    assertTrue(Manifest.all("package").all { it.parentNode.nodeName == "queries" })
  }

  @Test
  fun componentsAreClassesOfTheirKind() {
    val kinds = mapOf(
      "service" to Service::class.java, "activity" to Activity::class.java, "receiver" to BroadcastReceiver::class.java,
      "provider" to ContentProvider::class.java,
    )
    val components = kinds.flatMap { (name, kind) -> Manifest.all(name).map { it.android("name") to kind } }
    assertEquals(listOf("attest.mobile.IsolatedService"), components.map { it.first })
    for ((name, kind) in components) {
      val found = Class.forName(name, false, javaClass.classLoader)
      assertTrue(name, kind.isAssignableFrom(found))
      // The system makes it by its name.
      assertTrue(name, java.lang.reflect.Modifier.isPublic(found.modifiers) && found.constructors.any { it.parameterCount == 0 })
    }
  }

  @Test
  fun theServiceIsIsolatedAndTheAppsOwn() {
    val service = Manifest.all("service").single()
    val said = listOf("isolatedProcess", "exported", "process", "permission", "enabled").associateWith { service.android(it) }
    val expected = mapOf("isolatedProcess" to "true", "exported" to "false", "process" to ":attest", "permission" to "", "enabled" to "")
    assertEquals(expected, said)
    assertEquals(emptyList<Any>(), Manifest.all("intent-filter"))
  }

  @Test
  fun asksForTheNetworkAndNothingElse() {
    assertEquals(listOf("android.permission.INTERNET"), Manifest.all("uses-permission").map { it.android("name") })
    assertEquals("android.permission.INTERNET", android.Manifest.permission.INTERNET)
  }

  /** A misspelled attribute means nothing to Android, and nobody says so. */
  @Test
  fun everyAttributeIsAndroids() {
    val known = android.R.attr::class.java.fields.map { it.name }.toSet()
    assertEquals(emptySet<String>(), Manifest.attributes() - known)
  }

  private companion object {
    val ASKED = Regex("""pm\.package_exists\(([^)]*)\)""")
  }
}
