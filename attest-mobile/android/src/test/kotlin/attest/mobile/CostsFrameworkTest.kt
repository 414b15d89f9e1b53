package attest.mobile

import attest.mobile.world.Phone
import org.junit.Assert.assertTrue
import org.junit.Test

/** What the library costs an app: bytes are bounded here, times are printed only, because they are this machine's. */
class CostsFrameworkTest : Contract() {
  @Test
  fun `what leaves the phone and comes back stays small`() {
    val gateway = gateway()
    val phone = phone(gateway) { hasOwnClock = true }
    val traffic = Traffic(phone)
    val threads = threads()
    val begun = System.nanoTime()
    phone.start()
    val started = System.nanoTime()
    phone.ready()
    val ready = System.nanoTime()
    println("start returned after ${(started - begun) / 1000} us; ready, enrolled and with a session after ${(ready - begun) / 1_000_000} ms")
    println("threads beside the app's: ${threads() - threads}")
    traffic.take("enrolment").let { assertTrue(it.said, it.bytes in 1_000..64_000) }

    phone.restart()
    phone.ready()
    traffic.take("renewal at the next start").let { assertTrue(it.said, it.bytes in 1_000..32_000) }

    val request = AttestRequest("POST", phone.url("/v1/payments"), "{}".toByteArray())
    for ((route, asked) in listOf("a session token" to balance(phone), "a proof token" to request)) {
      val headers = phone.wait { authorize(asked) }.headers
      val bytes = headers.entries.sumOf { it.key.length + it.value.length + HEADER_BYTES }
      println("$route adds $bytes bytes to a request")
      assertTrue(route, bytes in 100..4_000)
    }
    traffic.take("minting").let { assertTrue(it.said, it.bytes == 0) }
  }

  /** Threads that the native library began; the virtual machine does not know them. */
  private fun threads() = java.io.File("/proc/self/task").list()!!.size

  private class Traffic(phone: Phone) {
    private var requests = 0
    private var out = 0
    private var back = 0

    init {
      phone.transport.change = { request ->
        synchronized(this) {
          requests += 1
          out += request.body.size + request.url.length + request.headers.sumOf { it.name.length + it.value.length + HEADER_BYTES }
        }
        request
      }
      phone.transport.received = { _, reply ->
        synchronized(this) { back += reply.body.size + reply.headers.sumOf { it.name.length + it.value.length + HEADER_BYTES } }
        reply
      }
    }

    fun take(what: String): Taken = synchronized(this) {
      val said = "$what: $requests requests, $out bytes out, $back bytes back, without TLS"
      println(said)
      Taken(said, out + back).also {
        requests = 0
        out = 0
        back = 0
      }
    }
  }

  private class Taken(val said: String, val bytes: Int)

  private companion object {
    /** Colon, blank and line end. */
    const val HEADER_BYTES = 4
  }
}
