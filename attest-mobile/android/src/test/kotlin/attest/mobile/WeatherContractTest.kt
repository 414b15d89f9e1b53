package attest.mobile

import attest.mobile.ffi.HostFailure
import attest.mobile.ffi.Named
import attest.mobile.ffi.Reply
import attest.mobile.world.Phone
import attest.mobile.world.html
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** Networks, services, callbacks and clocks at their worst, and that it all passes when they are well again. */
class WeatherContractTest : Contract() {
  private val gateway by lazy { gateway() }

  /** The SDK rests between attempts by the phone's clock: let hours pass on it. */
  private fun recovers(phone: Phone) {
    eventually("it recovers: ${phone.notices}") {
      phone.clock.pass(3_600)
      phone.attest.connectivityRestored()
      runCatching { phone.ready() }.isSuccess
    }
    assertEquals(200, phone.sent(balance(phone)).status)
  }

  private fun restless() = phone(gateway) {
    rideOutMs = 1
    callTimeoutMs = 2_000
  }

  @Test
  fun `refreshes-the-policy`() {
    val gateway = gateway()
    val phone = phone(gateway).apply { start() }
    phone.ready()
    gateway.publish { copy(balanceMinPolicy = 2) }
    val sent = phone.sent(balance(phone))
    assertEquals(listOf(200, 2), listOf(sent.status, sent.sends))
    assertEquals(2L, phone.attest.status().policyVersion)
  }

  @Test
  fun `follows-a-renewal`() {
    val gateway = gateway()
    val phone = phone(gateway).apply { start() }
    phone.ready()
    gateway.cutSessions()
    val sent = phone.sent(balance(phone))
    assertEquals(listOf(200, 2), listOf(sent.status, sent.sends))
    assertEquals(1, phone.key.generated.get())
    assertEquals(2L, phone.attest.status().sessions)
  }

  @Test
  fun `callbacks-that-throw`() {
    val thrown = listOf({ throw IllegalStateException("spoiled") }, { throw StackOverflowError() }, { throw HostFailure.Oversized() }, { throw AssertionError() })
    for (throws in thrown) {
      for (part in listOf("transport", "key", "storage")) {
        val phone = restless()
        phone.calls.faults[part] = throws
        phone.start()
        assertThrows(part, AttestException::class.java) { phone.ready() }
        phone.calls.faults.clear()
        recovers(phone)
        phone.close()
      }
      val phone = restless()
      phone.calls.faults["observer"] = throws
      phone.start()
      phone.ready()
      phone.calls.faults["clock"] = throws
      assertEquals(200, phone.sent(balance(phone)).status)
      phone.calls.faults.clear()
      phone.stepUp = StepUpHandler { throws().let { null } }
      phone.restart()
      fails<AttestException.StepUpDeclined> { phone.sent(AttestRequest("POST", phone.url("/v1/payees"), "{}".toByteArray())) }
      phone.close()
    }
  }

  @Test
  fun `callbacks-that-hang`() {
    for (part in listOf("transport", "key", "storage")) {
      val phone = restless()
      val goOn = phone.calls.hang(part)
      phone.start()
      assertThrows(part, AttestException::class.java) { phone.ready() }
      goOn()
      recovers(phone)
      phone.close()
    }
  }

  @Test
  fun `captive-portal`() {
    val phone = restless()
    phone.transport.reply = { html("<html>Welcome to our hotel</html>") }
    phone.start()
    assertEquals("reply-unreadable", fails<AttestException.Offline> { phone.ready() }.code)
    phone.transport.reply = null
    recovers(phone)
  }

  @Test
  fun `hostile-service`() {
    val json = listOf(Named("content-type", "application/json"))
    val problem = listOf(Named("content-type", "application/problem+json"))
    val replies = listOf(
      Reply(200u, json, "{".toByteArray()),
      Reply(200u, json, ByteArray(0)),
      Reply(200u, json, ByteArray(4 * 1024 * 1024) { '['.code.toByte() }),
      Reply(200u, emptyList(), ByteArray(100_000) { it.toByte() }),
      Reply(302u, listOf(Named("location", "http://127.0.0.1:1/")), ByteArray(0)),
      Reply(500u, json, "{}".toByteArray()),
      Reply(503u, problem, """{"type":"urn:attest:problem:unavailable","title":"x","status":503,"retry":"later","support":"x","retry_after_s":4294967295}""".toByteArray()),
      Reply(403u, problem, "{\"type\":\"urn:attest:problem:".toByteArray()),
      Reply(65535u, List(5_000) { Named("x", "y") }, ByteArray(0)),
    )
    for (reply in replies) {
      val phone = restless()
      phone.transport.reply = { reply }
      phone.start()
      val failure = assertThrows(AttestException::class.java) { phone.ready() }
      // Something that refuses without a reason is no attestation service: the address is wrong.
      val isWrongAddress = failure is AttestException.Misconfigured && reply.status.toInt() == 403
      assertTrue("${reply.status}: $failure", failure is AttestException.Offline || failure is AttestException.TryLater || isWrongAddress)
      phone.transport.reply = null
      recovers(phone)
      phone.close()
    }
  }

  @Test
  fun `gateway-down-then-back`() {
    val gateway = gateway()
    val phone = phone(gateway) { rideOutMs = 1 }
    gateway.stop()
    phone.start()
    fails<AttestException.Offline> { phone.ready() }
    gateway.start()
    phone.attest.connectivityRestored()
    phone.ready()
    assertEquals(200, phone.sent(balance(phone)).status)
    gateway.stop()
    // With a session, tokens are minted without the gateway.
    phone.wait { authorize(balance(phone)) }
    gateway.start()
    assertEquals(200, phone.sent(balance(phone)).status)
  }

  @Test
  fun `clock-wrong-at-start`() {
    for (years in listOf(-2L, 2L)) {
      val phone = phone(gateway)
      phone.clock.wallOffsetS = years * 365 * 86_400
      phone.start()
      assertEquals(200, phone.sent(balance(phone)).status)
      serverTimeIsRight(phone)
      phone.close()
    }
  }

  @Test
  fun `clock-set-while-running`() {
    val phone = phone(gateway).apply { start() }
    phone.ready()
    for (offset in listOf(-400L * 86_400, 400L * 86_400, 0L)) {
      phone.clock.wallOffsetS = offset
      assertEquals(200, phone.sent(balance(phone)).status)
      assertEquals(200, phone.sent(AttestRequest("POST", phone.url("/v1/payments"), "{}".toByteArray())).status)
      serverTimeIsRight(phone)
    }
  }

  private fun serverTimeIsRight(phone: Phone) {
    val off = phone.attest.status().serverTimeS - System.currentTimeMillis() / 1000
    assertTrue("$off", off in -60..60)
  }
}
