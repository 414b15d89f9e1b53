package attest.mobile.shipped

import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** The rules that apps get for R8. That they suffice is shown by `BankShrunkTest`. */
class RulesShippedTest {
  private val rules = File("consumer-rules.pro").readLines().filter { it.startsWith("-") }

  @Test
  fun everyClassThatIsNamedExists() {
    val named = rules.filter { it.startsWith("-keep") }.flatMap { NAME.findAll(it.substringBefore('{')).map { found -> found.value } }
    val classes = named.filter { '*' !in it }
    assertTrue("$classes", classes.size >= 4)
    for (name in classes) Class.forName(name, false, javaClass.classLoader)
  }

  /** R8 tells of each rule that matches nothing, and of each class that it misses. */
  @Test
  fun everyRuleMatchesSomething() {
    val said = File(System.getProperty("attest.r8"), "said.txt").readLines().filterNot { it.startsWith("Warning: Resource") }
    assertEquals(emptyList<String>(), said)
  }

  private companion object {
    val NAME = Regex("""\b(attest|com)\.[\w.$*]+""")
  }
}
