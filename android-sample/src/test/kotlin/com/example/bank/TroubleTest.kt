package com.example.bank

import android.net.ConnectivityManager
import com.example.bank.world.BankServer
import com.example.bank.world.Hands
import com.example.bank.world.Operator
import com.example.bank.world.Transcript
import org.junit.AfterClass
import org.junit.Assert.assertTrue
import org.junit.Assert.fail
import org.junit.BeforeClass
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import org.robolectric.shadows.ShadowNetwork

/** What customers read when things are not as they should be, and that it passes. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = [35], manifest = Config.NONE, application = TestApplication::class)
class TroubleTest {
  private val hands by lazy { Hands(RuntimeEnvironment.getApplication(), told) }

  private fun opensAnAccount() {
    hands.type("Your name", "A. Customer")
    hands.press("Open an account")
  }

  @Test
  fun withoutAConnection() {
    operator.stop()
    hands.launch(OnboardingScreen::class.java)
    opensAnAccount()
    assertTrue("nobody opens two accounts by pressing twice", !hands.isEnabled("Open an account"))
    hands.sees("There is no connection.")
    operator.start()
    networkIsBack()
    hands.until("it passes once the gateway is back") {
      if (hands.isOn("Open an account")) opensAnAccount()
      hands.read().any { "c-1001" in it }
    }
  }

  /** What Android tells everybody who asked. */
  private fun networkIsBack() {
    val service = shadowOf(RuntimeEnvironment.getApplication().getSystemService(ConnectivityManager::class.java))
    assertTrue("the SDK asked", service.networkCallbacks.isNotEmpty())
    service.networkCallbacks.forEach { it.onAvailable(ShadowNetwork.newInstance(1)) }
  }

  @Test
  fun tooOften() {
    // Ten a minute, and a minute may pass in between.
    repeat(21) {
      hands.launch(OnboardingScreen::class.java)
      opensAnAccount()
      hands.until("an answer") { hands.read().any { "c-1001" in it || "Please try again in " in it } }
      if (hands.read().any { "Please try again in " in it }) return
    }
    fail("the gateway never asks for time")
  }

  @Test
  fun afterTheSystemEndedTheApp() {
    hands.launch(PaymentScreen::class.java)
    hands.sees("Open an account in a minute.")
  }

  @Test
  @Config(application = OldApplication::class)
  fun withAVersionThatIsTooOld() {
    hands.launch(OnboardingScreen::class.java)
    opensAnAccount()
    hands.sees("read this support code to us:")
    operator.explain(hands.read().last().substringAfterLast(": "))
  }

  companion object {
    private val bank = BankServer()
    private val told = Transcript()
    private val operator = Operator(bank, told)

    @JvmStatic
    @BeforeClass
    fun open() {
      operator.open()
      TestApplication.operator = operator
    }

    @JvmStatic
    @AfterClass
    fun close() {
      operator.close()
      bank.close()
    }
  }
}
