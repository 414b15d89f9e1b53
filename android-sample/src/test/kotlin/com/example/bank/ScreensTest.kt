package com.example.bank

import com.example.bank.world.BankServer
import com.example.bank.world.Hands
import com.example.bank.world.Operator
import com.example.bank.world.Operator.Change
import com.example.bank.world.Transcript
import java.io.File
import org.junit.AfterClass
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.BeforeClass
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

/**
 * The app's own screens in front of a real gateway that follows a signed policy repository: a customer onboards, logs in, pays and adds a payee; a
 * policy push makes this very app instance a denied cloner, and its undo a customer again.
 */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = [35], manifest = Config.NONE, application = TestApplication::class)
class ScreensTest {
  private val app get() = RuntimeEnvironment.getApplication() as TestApplication
  private val hands by lazy { Hands(app, told) }

  @Test
  fun aCustomersDay() {
    told.chapter("The customer opens an account")
    hands.launch(OnboardingScreen::class.java)
    hands.picture("onboarding")
    hands.type("Your name", "A. Customer")
    hands.press("Open an account")
    hands.sees("c-1001")

    told.chapter("logs in")
    hands.type("PIN", "2468")
    hands.press("Log in")
    hands.sees("You have 1024.00 EUR.")

    told.chapter("and pays: the phone's key signs for it")
    pays()
    hands.sees("Paid 25.00 EUR to DE02 (p-2001).")
    hands.records()
    hands.picture("payment")

    told.chapter("A new payee is confirmed by a code")
    hands.press("Remember this payee")
    hands.sees("We sent a code to you.")
    hands.type("Code", bank.textMessage!!)
    told.placeholder("Code: ${bank.textMessage}", "Code: THE CODE")
    hands.press("Confirm")
    hands.sees("DE02 is a payee now (y-3001).")
    hands.records()

    told.chapter("or not confirmed, and then nothing is done")
    hands.press("Remember this payee")
    hands.sees("We sent a code to you.")
    hands.press("Do not confirm")
    hands.sees("You did not confirm. Nothing was done.")
    hands.records()

    told.chapter("The operator learns of a cloner app that did not exist when this app was released")
    operator.publish(*newCloner)

    told.chapter("The same app, still running, is inside of that cloner")
    val paidBefore = payments()
    val device = app.attest.status().device
    pays()
    hands.sees("read this support code to us:")
    val code = hands.read().last().substringAfterLast(": ")
    told.placeholder(code, "SUPPORT-CODE")
    hands.records()
    hands.picture("denied")
    assertEquals("nothing reached the bank", paidBefore, payments())
    assertTrue("what still may be done goes on", hands.isEnabled("Pay"))

    told.chapter("The customer calls, and the operator opens the code")
    operator.explain(code)

    told.chapter("It was a mistake: the policy is taken back")
    operator.undo()

    told.chapter("and the payment goes through")
    pays()
    hands.sees("Paid 25.00 EUR to DE02 (p-2001).")
    hands.records()
    assertEquals(paidBefore + 1, payments())
    assertEquals("it was one enrolment all along", device, app.attest.status().device)

    told.compare(File("README.md"))
  }

  private fun pays() {
    hands.type("To", "DE02")
    hands.type("Amount in EUR", "25.00")
    hands.press("Pay")
  }

  private fun payments() = bank.reached.count { it == "POST /v1/payments" }

  companion object {
    private val bank = BankServer()
    private val told = Transcript()
    private val operator = Operator(bank, told)

    private val newCloner = arrayOf(
      Change("version: 1", "version: 2"),
      Change(
        "packs: []",
        """
        |packs: []
        |detectors:
        |  - id: clone.twin_space
        |    platform: android
        |    category: cloner
        |    severity: high
        |    why: The app's data lie in a directory of another app, which runs ours inside itself.
        |    when: {fact: app.data_dir, op: matches, value: '^/data/data/[^/]+/virtual/'}
        """.trimMargin(),
      ),
      Change(
        "rules:",
        """
        |rules:
        |  - id: no-payments-from-cloners
        |    mode: enforce
        |    routes: [payments]
        |    why: Payments from inside a cloner are how accounts are farmed.
        |    when: {fact: findings.category, op: any_eq, value: cloner}
        |    then: deny
        """.trimMargin(),
      ),
      Change("    token: proof", "    token: proof\n    min_policy: 2"),
      Change(
        "tests:",
        """
        |tests:
        |  - name: inside of a twin space
        |    detector: {id: clone.twin_space, facts: {app.data_dir: /data/data/com.twin.space/virtual/data/user/0/com.example.bank}, expect: hit}
        |  - name: where Android puts it
        |    detector: {id: clone.twin_space, facts: {app.data_dir: /data/user/0/com.example.bank}, expect: clear}
        |  - name: a cloner does not pay
        |    decision:
        |      request: {method: POST, path: /v1/payments, app: bank-android}
        |      facts: {findings.hit: [clone.twin_space]}
        |      expect: {decision: deny, rule: no-payments-from-cloners}
        """.trimMargin(),
      ),
    )

    @JvmStatic
    @BeforeClass
    fun open() {
      told.chapter("The operator makes a gateway and a signed policy, in which nothing is said of cloners")
      operator.open()
      TestApplication.operator = operator
      TestApplication.told = told
    }

    @JvmStatic
    @AfterClass
    fun close() {
      TestApplication.told = null
      operator.close()
      bank.close()
    }
  }
}
