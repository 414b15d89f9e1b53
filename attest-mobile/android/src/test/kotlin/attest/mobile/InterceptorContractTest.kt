package attest.mobile

import attest.mobile.world.Bank
import attest.mobile.world.Phone
import java.io.IOException
import java.util.concurrent.Callable
import java.util.concurrent.ExecutionException
import java.util.concurrent.FutureTask
import java.util.concurrent.TimeUnit
import okhttp3.Call
import okhttp3.MediaType
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody
import okhttp3.RequestBody.Companion.toRequestBody
import okhttp3.Response
import okio.BufferedSink
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** A real OkHttp client with the interceptor, through a real gateway. */
class InterceptorContractTest : Contract() {
  private val gateway by lazy { gateway() }

  private fun client(phone: Phone) = OkHttpClient.Builder().addInterceptor(phone.attest.interceptor()).build()

  private fun Phone.send(request: Request, client: OkHttpClient = client(this)): Response = off { client.newCall(request).execute() }

  /** OkHttp's calls block, and Android refuses that on the main thread, which is a test's. */
  private fun <T> off(work: Callable<T>): T {
    val task = FutureTask(work)
    Thread(task).start()
    return try {
      task.get(Phone.HANGS_MS, TimeUnit.MILLISECONDS)
    } catch (failure: ExecutionException) {
      throw failure.cause!!
    }
  }

  private fun started() = phone(gateway).apply { start() }

  private fun request(phone: Phone, path: String, body: RequestBody? = null) =
    Request.Builder().url(phone.url(path)).apply { body?.let { post(it) } }.build()

  /** A body that can be written once, such as a file that is being recorded. */
  private class Once(private val text: String, private val length: Long = -1) : RequestBody() {
    var writes = 0
    override fun contentType(): MediaType? = null
    override fun contentLength() = length
    override fun isOneShot() = true
    override fun writeTo(sink: BufferedSink) {
      writes++
      sink.writeUtf8(text)
    }
  }

  @Test
  fun keepsTheAppsOwnRequest() {
    val phone = started()
    val request = request(phone, "/v1/balance?of=1").newBuilder().header("Authorization", "Bearer x").header("X-App", "1").tag(String::class.java, "own").build()
    phone.send(request).use { reply ->
      assertEquals(200, reply.code)
      assertNull(reply.attestRefusal)
      assertEquals("own", reply.request.tag(String::class.java))
      assertEquals("/v1/balance", JSONObject(reply.body!!.string()).getString("path"))
    }
    val reached = gateway.bank.reached.single()
    assertEquals(listOf("Bearer x"), reached.headers["Authorization"])
    assertEquals(listOf("1"), reached.headers["X-app"])
  }

  @Test
  fun bodiesAreBoundAndSent() {
    val phone = started()
    for (body in listOf("{}".toRequestBody(), "".toRequestBody(), Once("known", 5), "x".repeat(200_000).toRequestBody())) {
      phone.send(request(phone, "/v1/onboarding", body)).use { assertEquals(200, it.code) }
    }
    assertEquals(listOf(2, 0, 5, 200_000), gateway.bank.reached.map { it.body.size })
  }

  @Test
  fun whatDoesNotFitInMemoryStreams() {
    val phone = started()
    val large = ByteArray(3_000_000).toRequestBody()
    val once = Once("of unknown length")
    phone.send(request(phone, "/v1/upload", large)).use { assertEquals(200, it.code) }
    phone.send(request(phone, "/v1/upload", once)).use { assertEquals(200, it.code) }
    assertEquals(listOf(3_000_000, 17), gateway.bank.reached.map { it.body.size })
    // Where the route binds the body, it is refused, and is not sent twice.
    val refused = Once("of unknown length")
    phone.send(request(phone, "/v1/onboarding", refused)).use { assertEquals(401, it.code) }
    assertEquals(1, refused.writes)
  }

  @Test
  fun aRefusalThatStandsIsTheReply() {
    val phone = started()
    phone.send(request(phone, "/v1/loans", "{}".toRequestBody())).use { reply ->
      val refusal = reply.attestRefusal!!
      assertEquals(listOf(403, "denied", "none"), listOf(reply.code, refusal.code, refusal.retry))
      assertEquals(refusal.support, JSONObject(reply.body!!.string()).getString("support"))
    }
  }

  @Test
  fun aRefusalThatCanBeMendedIsFollowed() {
    val phone = started()
    phone.ready()
    gateway.publish { copy(balanceMinPolicy = 2) }
    phone.send(request(phone, "/v1/balance")).use { assertEquals(200, it.code) }
    assertEquals(2L, phone.attest.status().policyVersion)
    assertEquals(1, gateway.bank.reached.size)
    phone.send(request(phone, "/v1/payments", Once("{}", 2))).use { assertEquals(200, it.code) }
  }

  @Test
  fun failuresAreIoExceptions() {
    val phone = started()
    val declined = assertThrows(AttestIOException::class.java) { phone.send(request(phone, "/v1/payees", "{}".toRequestBody())) }
    assertTrue(declined.attest is AttestException.StepUpDeclined)
    phone.close()
    val client = client(phone.apply { start() })
    phone.attest.close()
    val stopped = assertThrows(AttestIOException::class.java) { phone.send(request(phone, "/v1/balance"), client) }
    assertEquals("stopped", stopped.attest.code)
  }

  @Test
  fun aCancelledCallEnds() {
    val phone = phone(gateway)
    val goOn = phone.calls.hang("transport.send")
    phone.start()
    val call: Call = client(phone).newCall(request(phone, "/v1/balance"))
    val sending = FutureTask { call.execute() }
    Thread(sending).start()
    eventually("it asks the service") { phone.calls.count("transport.send") > 0 }
    call.cancel()
    val failure = assertThrows(ExecutionException::class.java) { sending.get(Phone.HANGS_MS, TimeUnit.MILLISECONDS) }.cause
    assertTrue("$failure", failure is IOException && failure !is AttestIOException)
    goOn()
    phone.send(request(phone, "/v1/balance")).use { assertEquals(200, it.code) }
  }

  @Test
  fun otherHostsGetNoToken() {
    val phone = started()
    Bank().use { other ->
      phone.send(Request.Builder().url("${other.url}/x").build()).use { assertEquals(200, it.code) }
      val guarded = client(phone).newBuilder().addNetworkInterceptor(phone.attest.interceptor()).build()
      phone.send(request(phone, "/v1/moved?${other.url}/there"), guarded).use { assertEquals(200, it.code) }
      assertEquals(listOf("/x", "/there"), other.reached.map { it.path })
      for (reached in other.reached) assertFalse(reached.headers.keys.any { it.startsWith("Attest", ignoreCase = true) })
    }
    assertEquals("/v1/moved", gateway.bank.reached.single().path.substringBefore('?'))
  }
}
