package com.example.bank

import android.app.Application
import android.os.Handler
import android.os.Looper
import attest.mobile.Attest
import attest.mobile.AttestConfig
import attest.mobile.DebugLog
import okhttp3.OkHttpClient

/**
 * The app's one process. Android runs this also in the SDK's isolated process, where [Attest.start] does nothing and no screen ever asks for the
 * bank.
 */
open class BankApplication : Application() {
  lateinit var attest: Attest
    private set
  lateinit var bank: BankClient
    private set
  val session = Session()
  private val main = Handler(Looper.getMainLooper())

  /** Where a step-up waits for the customer's code. */
  val stepUps = StepUpDesk(ask = { main.post { startActivity(StepUpScreen.intent(this)) } }, bank = { bank })

  override fun onCreate() {
    super.onCreate()
    val settings = settings()
    val config = AttestConfig(
      serviceUrl = settings.url("/.attest/v1"),
      app = "bank-android",
      policyRoot = settings.policyRoot,
      environment = settings.environment,
      qaIdentity = settings.isQa,
      stepUp = stepUps,
      debugLog = if (settings.isQa) DebugLog.logcat() else null,
    )
    // Integration, line 2 of 3: returns at once; what takes time goes on in the background.
    attest = Attest.start(this, config)
    bank = BankClient(settings.api, http(), attest, deliver = { main.post(it) })
  }

  /** Android never calls this on a phone; tests do, and begin the next app in the same process. */
  override fun onTerminate() {
    attest.close()
    super.onTerminate()
  }

  protected open fun settings() = BankSettings.of(this)

  protected open fun http() = OkHttpClient.Builder()
}
