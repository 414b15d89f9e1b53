package attest.mobile

import attest.mobile.world.Gateway
import attest.mobile.world.Phone
import java.util.concurrent.atomic.AtomicReference
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test

/** Sessions, tokens and what they are bound to. */
class TokensContractTest : Contract() {
  private val gateway: Gateway by lazy { gateway() }

  @Test
  fun `enrols-and-mints`() {
    val phone = phone(gateway).apply { start() }
    phone.ready()
    val request = balance(phone)
    val authorization = phone.wait { authorize(request) }
    assertEquals(setOf("attest-token"), authorization.headers.keys)
    assertEquals(200, phone.send(request, authorization).status)
    assertEquals("/v1/balance", gateway.bank.reached.single().path)
    val status = phone.attest.status()
    assertTrue(status.started && status.enrolled)
    assertNotNull(status.device)
    assertEquals(1L, status.policyVersion)
    assertEquals(1L, status.sessions)
    assertTrue(status.sessionEndsInS!! in 1..900)
    val text = phone.attest.diagnostics()
    assertTrue(text, text.contains("enrolled: yes") && text.contains("policy: 1"))
    assertTrue(text, authorization.headers.values.none { it in text })
  }

  @Test
  fun `starts-without-waiting`() {
    val phone = phone(gateway)
    val goOn = phone.calls.hang("transport.send")
    phone.start()
    assertTrue(phone.attest.tryAuthorize(balance(phone)) == null)
    val asked = AtomicReference<Authorization>()
    val asking = Thread { asked.set(phone.wait { authorize(balance(phone)) }) }.apply { start() }
    eventually("it asks the service") { phone.calls.count("transport.send") > 0 }
    assertNull(asked.get())
    goOn()
    asking.join(Phone.HANGS_MS)
    assertEquals(200, phone.send(balance(phone), asked.get()).status)
  }

  @Test
  fun `leaves-other-origins-alone`() {
    val phone = phone(gateway) { origins = listOf(gateway.origin) }
    val goOn = phone.calls.hang("transport.send")
    phone.start()
    val authorization = phone.wait { authorize(AttestRequest("GET", "https://elsewhere.example/x")) }
    assertEquals(emptyMap<String, String>(), authorization.headers)
    goOn()
  }

  @Test
  fun `binds-the-body`() = moved(
    { AttestRequest("POST", it.url("/v1/onboarding"), "one".toByteArray()) },
    { AttestRequest("POST", it.url("/v1/onboarding"), "two".toByteArray()) },
  )

  @Test
  fun `binds-the-query`() = moved({ AttestRequest("GET", it.url("/v1/balance?of=1")) }, { AttestRequest("GET", it.url("/v1/balance?of=2")) })

  @Test
  fun `binds-the-authorization`() = moved(
    { AttestRequest("GET", it.url("/v1/balance"), authorization = "Bearer one") },
    { AttestRequest("GET", it.url("/v1/balance"), authorization = "Bearer two") },
  )

  private fun moved(request: (Phone) -> AttestRequest, other: (Phone) -> AttestRequest) {
    val phone = phone(gateway).apply { start() }
    val authorization = phone.wait { authorize(request(phone)) }
    val refused = phone.send(other(phone), authorization)
    assertEquals(401, refused.status)
    assertEquals("urn:attest:problem:token-binding", JSONObject(String(refused.body)).getString("type"))
    assertEquals(200, phone.send(request(phone), phone.wait { authorize(request(phone)) }).status)
  }

  @Test
  fun `signs-where-asked`() {
    val phone = phone(gateway).apply { start() }
    phone.ready()
    val request = AttestRequest("POST", phone.url("/v1/payments"), "{}".toByteArray())
    assertNull(phone.attest.tryAuthorize(request))
    val signed = phone.calls.count("key.sign")
    val authorization = phone.wait { authorize(request) }
    assertEquals(signed + 1, phone.calls.count("key.sign"))
    assertEquals(setOf("oauth-client-attestation", "oauth-client-attestation-pop"), authorization.headers.keys)
    assertEquals(200, phone.send(request, authorization).status)
  }

  @Test
  fun `spends-a-token-once`() {
    val phone = phone(gateway).apply { start() }
    val request = AttestRequest("POST", phone.url("/v1/redeem"), "{}".toByteArray())
    val first = phone.wait { authorize(request) }
    assertEquals(200, phone.send(request, first).status)
    val refused = phone.send(request, first)
    assertEquals(401, refused.status)
    val followed = phone.wait { follow(request, first, refused) }
    assertEquals("token-replayed", followed.refusal?.code)
    assertEquals(200, phone.send(request, followed.again!!).status)
  }

  @Test
  fun `mints-without-waiting`() {
    val phone = phone(gateway) { hasOwnClock = true }.apply { start() }
    phone.ready()
    val request = balance(phone)
    repeat(WARM_UP) { assertNotNull(phone.attest.tryAuthorize(request)) }
    val took = LongArray(MEASURED) {
      val begun = System.nanoTime()
      phone.attest.tryAuthorize(request)
      System.nanoTime() - begun
    }.sorted()
    println("tryAuthorize through the bindings: median ${took[MEASURED / 2] / 1000} us, 99 % ${took[MEASURED * 99 / 100] / 1000} us, $MEASURED mints")
  }

  @Test
  fun `many-at-once`() {
    val phone = phone(gateway).apply { start() }
    val tokens = phone.wait {
      coroutineScope { (1..64).map { async(Dispatchers.Default) { authorize(balance(phone)).headers.getValue("attest-token") } }.awaitAll() }
    }
    assertEquals(64, tokens.toSet().size)
    assertEquals(1, phone.key.generated.get())
    assertEquals(1L, phone.attest.status().sessions)
  }

  @Test
  fun `cancelled-in-the-middle`() {
    val phone = phone(gateway)
    val goOn = phone.calls.hang("transport.send")
    phone.start()
    phone.wait {
      coroutineScope {
        val given = async(Dispatchers.Default) { authorize(balance(phone)) }
        val other = async(Dispatchers.Default) { authorize(balance(phone)) }
        eventually("it asks the service") { phone.calls.count("transport.send") > 0 }
        given.cancel(CancellationException("not wanted"))
        given.join()
        goOn()
        assertEquals(200, phone.send(balance(phone), other.await()).status)
      }
    }
  }

  private companion object {
    const val WARM_UP = 2_000
    const val MEASURED = 5_000
  }
}
