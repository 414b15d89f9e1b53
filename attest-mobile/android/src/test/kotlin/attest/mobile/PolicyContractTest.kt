package attest.mobile

import attest.mobile.ffi.Reply
import attest.mobile.ffi.ServiceRequest
import attest.mobile.world.Gateway
import attest.mobile.world.Phone
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicReference
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** Who stands between the phone and its policy. */
class PolicyContractTest : Contract() {
  private val stranger: Gateway by lazy { gateway() }

  @Test
  fun `refuses-hostile-policies`() {
    val gateway = gateway()
    val phone = phone(gateway) {
      rideOutMs = 1
      patienceMs = 500
    }
    val first = AtomicReference<Reply>()
    phone.transport.received = { request, reply -> reply.also { if (request.isForPolicy()) first.set(it) } }
    phone.start()
    phone.ready()

    gateway.publish { copy(balanceMinPolicy = 2) }
    for ((name, attack) in attacks(first.get())) resists(name, phone, attack, 1)
    passes(phone, 2)

    // What was in force once never comes back, however well it is signed.
    gateway.publish { copy(balanceMinPolicy = 3) }
    resists("an older policy", phone, { first.get() }, 2)
    passes(phone, 3)
  }

  private fun attacks(first: Reply): Map<String, (Reply) -> Reply> = mapOf(
    "nothing" to { it.copy(body = ByteArray(0)) },
    "garbage" to { it.copy(body = ByteArray(5_000) { at -> at.toByte() }) },
    "half" to { it.copy(body = it.body.copyOf(it.body.size / 2)) },
    "a letter changed" to { it.copy(body = it.body.changed()) },
    "the same as before" to { first },
    "another operator's" to { its -> of(stranger, its) },
  )

  /** The digit of a version, a length or a hash: whatever it is, it was signed or named by what was signed. */
  private fun ByteArray.changed() = clone().also { copy ->
    val at = copy.indices.drop(copy.size / 3).first { copy[it] in '0'.code..'8'.code }
    copy[at] = (copy[at] + 1).toByte()
  }

  private fun of(gateway: Gateway, reply: Reply): Reply {
    val other = phone(gateway)
    return reply.copy(body = other.send(AttestRequest("GET", "${gateway.service}/policy/bundle?root=1"), emptyMap()).body)
  }

  /** The phone asks, is attacked, says so in its own time, and keeps what it has. */
  private fun resists(name: String, phone: Phone, attack: (Reply) -> Reply, version: Long) {
    val attacked = AtomicInteger()
    phone.transport.received = { request, reply ->
      if (request.isForPolicy()) attack(reply).also { attacked.incrementAndGet() } else reply
    }
    inTime("$name: the phone asks for policy", phone) {
      runCatching { phone.sent(balance(phone)).use { assertTrue(name, it.status >= 400) } }
        .onFailure { if (it !is AttestException) throw it }
      attacked.get() > 0
    }
    assertEquals(name, version, phone.attest.status().policyVersion)
  }

  private fun passes(phone: Phone, version: Long) {
    phone.transport.received = { _, reply -> reply }
    inTime("it recovers", phone) { runCatching { phone.sent(balance(phone)).use { it.status == 200 } }.getOrDefault(false) }
    assertEquals(version, phone.attest.status().policyVersion)
  }

  /**
   * The library rests between attempts by the phone's clock: lets a minute pass on it, and another only when that was not enough, as the
   * time of what is under way passes with it.
   */
  private fun inTime(what: String, phone: Phone, holds: () -> Boolean) {
    var passed: Long? = null
    eventually(what) {
      if (passed.let { it == null || System.nanoTime() - it > 2_000_000_000 }) {
        phone.clock.pass(61)
        passed = System.nanoTime()
      }
      holds()
    }
  }

  private fun ServiceRequest.isForPolicy() = "/policy/bundle" in url
}
