package attest.mobile.shipped

import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Ignore
import org.junit.Test

/** What the SDK promises on every platform is shown here too: each scenario by one test of its name. */
class ScenariosShippedTest {
  @Test
  fun eachScenarioHasOneTest() {
    val names = File("../link/contract-scenarios.txt").readLines().filter { it.isNotBlank() && !it.startsWith("#") }.map { it.substringBefore(':') }
    assertTrue("no scenarios", names.size >= 40)
    val folder = File(javaClass.protectionDomain.codeSource.location.toURI())
    val tests = folder.walk().filter { it.name.endsWith("ContractTest.class") }.flatMap { file ->
      val name = file.relativeTo(folder).path.removeSuffix(".class").replace(File.separatorChar, '.')
      Class.forName(name, false, javaClass.classLoader).declaredMethods
        .filter { it.isAnnotationPresent(Test::class.java) && !it.isAnnotationPresent(Ignore::class.java) }
        .map { it.name }
    }.toList()
    val shown = names.associateWith { name -> tests.count { it == name } }
    assertEquals(emptyMap<String, Int>(), shown.filterValues { it != 1 })
  }
}
