package attest.mobile

import attest.mobile.world.Policy
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.RuntimeEnvironment

/** Each of the errors, where it comes from, and that it passes. */
class ErrorsContractTest : Contract() {
  @Test
  fun `error-offline`() {
    val gateway = gateway()
    val phone = phone(gateway).apply { rideOutMs = 1 }
    gateway.stop()
    phone.start()
    assertEquals("transport-unreachable", fails<AttestException.Offline> { phone.ready() }.code)
  }

  @Test
  fun `error-try-later`() {
    val gateway = gateway("challenges_per_source_per_minute = 1")
    phone(gateway).apply { start() }.ready()
    val phone = phone(gateway).apply { rideOutMs = 1 }
    // One Attest at a time: the first phone's ends.
    closeOthers()
    phone.start()
    val later = fails<AttestException.TryLater> { phone.ready() }
    assertEquals("rate-limited", later.code)
    assertTrue("${later.afterMs}", later.afterMs > 0)
  }

  @Test
  fun `error-update-app`() {
    val gateway = gateway()
    fun offering(engine: Int) = phone(gateway) {
      rideOutMs = 1
      transport.received = { request, reply ->
        if ("/policy/bundle" !in request.url) reply else reply.copy(body = gateway.owner.changed(reply.body) { put("engine_min", engine) })
      }
    }
    val updating = offering(engine = 2).apply { start() }
    assertThrows(AttestException.UpdateApp::class.java) { updating.ready() }
    assertThrows(AttestException.UpdateApp::class.java) { updating.sent(balance(updating)) }
    assertEquals(0, updating.key.generated.get())
    closeOthers()
    // It is for the engine, and not for the signature.
    val current = offering(engine = 1).apply { start() }
    assertEquals(200, current.sent(balance(current)).status)
  }

  @Test
  fun `error-refused`() {
    val phone = phone(gateway()) { appVersion = "1.0.0" }.apply { start() }
    val refused = fails<AttestException.Refused> { phone.ready() }
    assertEquals("evidence-refused", refused.code)
    assertTrue(refused.support, refused.support.isNotEmpty())
  }

  @Test
  fun `error-misconfigured`() {
    val phone = phone(gateway()) { app = "another" }.apply { start() }
    assertEquals("app-unknown", fails<AttestException.Misconfigured> { phone.ready() }.code)
  }

  @Test
  fun `error-step-up-declined`() {
    val phone = phone(gateway()).apply { start() }
    assertThrows(AttestException.StepUpDeclined::class.java) { phone.sent(payee(phone.url("/v1/payees"))) }
  }

  @Test
  fun `completes-a-step-up`() {
    val gateway = gateway()
    val phone = phone(gateway)
    phone.stepUp = StepUpHandler { stepUp ->
      phone.calls.of("stepUp.complete ${stepUp.issuer}")
      gateway.bank.confirmation(stepUp.id, gateway.origin)
    }
    phone.start()
    assertEquals(200, phone.sent(balance(phone)).status)
    val sent = phone.sent(payee(phone.url("/v1/payees")))
    assertEquals(200, sent.status)
    assertEquals(2, sent.sends)
    assertEquals(listOf("stepUp.complete https://otp.bank.example"), phone.calls.all.filter { it.startsWith("stepUp") })
  }

  @Test
  fun `refused-device`() {
    val phone = phone(gateway()).apply { start() }
    val sent = phone.sent(AttestRequest("POST", phone.url("/v1/loans"), "{}".toByteArray()))
    val refusal = sent.refusal!!
    assertEquals(listOf(403, "denied", 403, "none", 1), listOf(sent.status, refusal.code, refusal.status, refusal.retry, sent.sends))
    assertTrue(refusal.support, refusal.support.isNotEmpty())
    assertTrue(phone.attest.diagnostics().contains(refusal.support))
  }

  @Test
  fun `wrong-configuration`() {
    val gateway = gateway(policy = Policy())
    val phone = phone(gateway) { service = "api.bank.example" }
    assertEquals("config-service-url", fails<AttestException.Misconfigured> { phone.start() }.code)
    phone.service = gateway.service
    phone.callTimeoutMs = 0
    assertEquals("config-bound", fails<AttestException.Misconfigured> { phone.start() }.code)
    // What only the native side can tell is told by each call, and logged.
    val rootless = phone("{}".toByteArray()) { service = gateway.service }.apply { start() }
    assertEquals("config-policy-root", fails<AttestException.Misconfigured> { rootless.ready() }.code)
    assertTrue("${rootless.notices}", rootless.notices.any { it.startsWith("start-failed: config-policy-root") })
    closeOthers()
    val missing = PolicyRoot.raw(0x7f010001)
    Attest.start(RuntimeEnvironment.getApplication(), AttestConfig(gateway.service, "bank-android", missing, environment = Environment.Development)).use {
      assertEquals("config-policy-root", fails<AttestException.Misconfigured> { runBlocking { it.ready() } }.code)
    }
  }

  @Test
  fun `production-refuses-qa`() {
    val gateway = gateway(production = true)
    val phone = phone(gateway).apply { start() }
    assertEquals("policy-environment", fails<AttestException.Misconfigured> { phone.ready() }.code)
    assertEquals(0, phone.key.generated.get())
    val config = AttestConfig(gateway.service, "bank-android", PolicyRoot.of(gateway.root), environment = Environment.Production, qaIdentity = true)
    closeOthers()
    val context = RuntimeEnvironment.getApplication()
    assertEquals("config-qa-identity", fails<AttestException.Misconfigured> { Attest.start(context, config) }.code)
  }

  @Test
  fun `one-at-a-time`() {
    val phone = phone(gateway()).apply { start() }
    assertThrows(IllegalStateException::class.java) { phone.start() }
  }

  private fun payee(url: String) = AttestRequest("POST", url, """{"name":"x"}""".toByteArray())
}
