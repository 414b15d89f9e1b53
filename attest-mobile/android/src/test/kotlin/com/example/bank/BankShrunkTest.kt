package com.example.bank

import android.content.Context
import attest.mobile.Attest
import attest.mobile.AttestConfig
import attest.mobile.AttestException
import attest.mobile.AttestIOException
import attest.mobile.Environment
import attest.mobile.PolicyRoot
import attest.mobile.StepUpHandler
import attest.mobile.attestRefusal
import attest.mobile.world.Gateway
import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody.Companion.toRequestBody
import okhttp3.Response
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

/**
 * An app after R8, by the rules that the library gives to apps: app, library, bindings, Kotlin, JNA and OkHttp were shrunk and renamed together
 * (pom.xml, `src/test/r8`), here to class files in place of a phone's. It enrols with a real gateway and makes requests of each kind.
 */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], manifest = Config.NONE)
class BankShrunkTest {
  private val gateway = Gateway()
  private val context: Context = RuntimeEnvironment.getApplication()
  private val steps = CopyOnWriteArrayList<String>()

  @After
  fun close() = gateway.close()

  private fun start(appVersion: String) = Attest.start(
    context,
    AttestConfig(
      serviceUrl = gateway.service,
      app = "bank-android",
      appVersion = appVersion,
      policyRoot = PolicyRoot.of(gateway.root),
      environment = Environment.Development,
      qaIdentity = true,
      stepUp = StepUpHandler { stepUp -> gateway.bank.confirmation(stepUp.id, gateway.origin) },
      debugLog = { code, _ -> steps += code },
      isolatedProcess = false,
      patienceMs = 60_000,
    ),
  )

  @Test
  fun whatIsShrunkWorks() {
    start("4.2.0").use { attest ->
      val client = OkHttpClient.Builder().addInterceptor(attest.interceptor()).build()
      assertEquals(200, client.sent("GET", "/v1/balance").code)
      assertEquals(200, client.sent("POST", "/v1/onboarding").code)
      assertEquals(200, client.sent("POST", "/v1/payments").code)
      assertEquals(200, client.sent("POST", "/v1/payees").code)
      assertEquals("denied", client.sent("POST", "/v1/loans").attestRefusal?.code)
      assertTrue(attest.diagnostics(), attest.status().enrolled && attest.diagnostics().contains("enrolled: yes"))
      runBlocking { withTimeout(HANGS_MS) { attest.forget() } }
      assertEquals(200, client.sent("GET", "/v1/balance").code)
      assertTrue("$steps", steps.isNotEmpty())
    }
  }

  @Test
  fun failuresKeepTheirTypes() {
    start("1.0.0").use { attest ->
      val client = OkHttpClient.Builder().addInterceptor(attest.interceptor()).build()
      val refused = assertThrows(AttestIOException::class.java) { client.sent("GET", "/v1/balance") }.attest as AttestException.Refused
      assertEquals("evidence-refused", refused.code)
      assertTrue(refused.support.isNotEmpty())
    }
  }

  /** Otherwise nothing would be shown here. */
  @Test
  fun itIsShrunkIndeed() {
    for (name in listOf("attest.mobile.host.UrlTransport", "attest.mobile.ffi.Vouched", "okhttp3.OkHttpClient", "com.sun.jna.platform.Nothing")) {
      assertThrows(name, ClassNotFoundException::class.java) { Class.forName(name) }
    }
    for (name in listOf("attest.mobile.IsolatedService", "attest.mobile.Native")) Class.forName(name)
  }

  private fun OkHttpClient.sent(method: String, path: String): Response =
    newCall(Request.Builder().url(gateway.origin + path).method(method, if (method == "POST") BODY.toRequestBody() else null).build()).execute()

  private companion object {
    const val BODY = """{"name":"x"}"""
    const val HANGS_MS = 120_000L
  }
}
