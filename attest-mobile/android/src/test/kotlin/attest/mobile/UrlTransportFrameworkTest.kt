package attest.mobile

import attest.mobile.ffi.HostFailure
import attest.mobile.ffi.Named
import attest.mobile.ffi.Reply
import attest.mobile.ffi.ServiceRequest
import attest.mobile.host.UrlTransport
import attest.mobile.world.Identity
import attest.mobile.world.TlsServer
import java.io.OutputStream
import java.util.concurrent.CountDownLatch
import java.util.concurrent.FutureTask
import java.util.concurrent.TimeUnit
import javax.net.ssl.HttpsURLConnection
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.robolectric.annotation.ConscryptMode

/**
 * The transport against TLS servers that do whatever they can. `HttpURLConnection` and its TLS are the computer's here; those of phones are others,
 * and were not there to be asked.
 */
@ConscryptMode(ConscryptMode.Mode.OFF)
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], manifest = Config.NONE)
class UrlTransportFrameworkTest {
  private val trusted = HttpsURLConnection.getDefaultSSLSocketFactory()
  private val never = CountDownLatch(1)
  private var server: TlsServer? = null

  @After
  fun close() {
    never.countDown()
    server?.close()
    HttpsURLConnection.setDefaultSSLSocketFactory(trusted)
  }

  private fun serving(identity: Identity = IDENTITY, trusts: Identity = IDENTITY, answer: (String, OutputStream) -> Unit): TlsServer {
    HttpsURLConnection.setDefaultSSLSocketFactory(trusts.client().socketFactory)
    return TlsServer(identity.server(), answer).also { server = it }
  }

  private fun send(server: TlsServer, body: String = "", deadlineMs: Long = 60_000, bytesMax: ULong = 1_000UL, host: String = "127.0.0.1"): Reply {
    val request = ServiceRequest(
      if (body.isEmpty()) "GET" else "POST", "https://$host:${server.port}/.attest/v1/challenge",
      listOf(Named("accept", "application/json"), Named("content-type", "application/json")), body.toByteArray(), bytesMax,
    )
    val sending = FutureTask { UrlTransport(deadlineMs).send(request) }
    Thread(sending).start()
    return try {
      sending.get(60, TimeUnit.SECONDS)
    } catch (failure: java.util.concurrent.ExecutionException) {
      throw failure.cause!!
    }
  }

  private fun OutputStream.say(text: String) = write(text.toByteArray())

  @Test
  fun aReplyIsReadWhole() {
    val server = serving { _, out -> out.say("HTTP/1.1 200 OK\r\nAttest-Policy: 7\r\nSet-Cookie: a=b\r\nContent-Length: 4\r\n\r\nfour") }
    val reply = send(server, "{}")
    assertEquals(200.toUShort(), reply.status)
    assertEquals("four", String(reply.body))
    assertTrue(reply.headers.contains(Named("attest-policy", "7")))
    send(server)
    val (first, second) = server.requests
    assertTrue(first, first.startsWith("POST /.attest/v1/challenge HTTP/1.1\r\n") && first.endsWith("\r\n\r\n{}"))
    assertTrue(first, first.contains("accept: application/json", ignoreCase = true) && !first.contains("gzip"))
    assertTrue(second, second.startsWith("GET ") && !second.contains("cookie", ignoreCase = true) && !second.contains("if-", ignoreCase = true))
  }

  @Test
  fun refusalsAreReadLikeReplies() {
    for (status in listOf(400, 401, 403, 404, 429, 500, 503)) {
      val server = serving { _, out -> out.say("HTTP/1.1 $status X\r\nContent-Length: 2\r\n\r\n{}") }
      val reply = send(server, "{}")
      assertEquals(status.toUShort(), reply.status)
      assertEquals("{}", String(reply.body))
      server.close()
    }
  }

  @Test
  fun redirectsAreNotFollowed() {
    val server = serving { _, out -> out.say("HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n") }
    assertEquals(302.toUShort(), send(server).status)
    assertEquals(1, server.requests.size)
  }

  @Test
  fun readingStopsAtTheBound() {
    val announced = serving { _, out -> out.say("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n") }
    assertThrows(HostFailure.Oversized::class.java) { send(announced) }
    announced.close()
    val endless = serving { _, out ->
      out.say("HTTP/1.1 200 OK\r\n\r\n")
      while (true) out.write(ByteArray(1024))
    }
    assertThrows(HostFailure.Oversized::class.java) { send(endless) }
    // What both systems buffer, not what somebody reads.
    assertTrue("${endless.sent}", endless.sent < 32 * 1024 * 1024)
    endless.close()
    val exact = serving { _, out -> out.say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + "x".repeat(1000)) }
    assertEquals(1000, send(exact).body.size)
  }

  @Test
  fun whoSaysNothingIsGivenUp() {
    val silent = serving { _, _ -> never.await() }
    assertThrows(HostFailure.TimedOut::class.java) { send(silent, deadlineMs = 300) }
  }

  @Test
  fun whoSaysItSlowlyIsGivenUp() {
    val tick = { never.await(20, TimeUnit.MILLISECONDS) }
    val head = serving { _, out ->
      out.say("HTTP/1.1 200 OK\r\n")
      while (!tick()) out.say("X: y\r\n")
    }
    assertThrows(HostFailure.TimedOut::class.java) { send(head, deadlineMs = 500) }
    head.close()
    val body = serving { _, out ->
      out.say("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
      while (!tick()) out.say("x")
    }
    assertThrows(HostFailure.TimedOut::class.java) { send(body, deadlineMs = 500) }
  }

  @Test
  fun brokenRepliesFail() {
    val cut = serving { _, out ->
      out.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
      throw IllegalStateException("closes")
    }
    assertThrows(HostFailure.Failed::class.java) { send(cut) }
    cut.close()
    val garbage = serving { _, out ->
      out.write(ByteArray(2048) { 7 })
      throw IllegalStateException("closes")
    }
    assertThrows(HostFailure.Failed::class.java) { send(garbage) }
    garbage.close()
    val closed = serving { _, _ -> throw IllegalStateException("closes") }
    assertThrows(HostFailure.Failed::class.java) { send(closed) }
    closed.close()
    assertThrows(HostFailure.Failed::class.java) { send(closed) }
  }

  @Test
  fun anotherCertificateIsNotBelieved() {
    val stranger = serving(Identity("127.0.0.1")) { _, out -> out.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
    assertThrows(HostFailure.Failed::class.java) { send(stranger, "{}") }
    assertEquals(0, stranger.requests.size)
    stranger.close()
    val elsewhere = Identity("other.example")
    val misnamed = serving(elsewhere, trusts = elsewhere) { _, out -> out.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
    assertThrows(HostFailure.Failed::class.java) { send(misnamed, "{}") }
    assertEquals(0, misnamed.requests.size)
  }

  @Test
  fun nobodyThereFails() {
    val server = serving { _, _ -> }
    server.close()
    assertThrows(HostFailure.Failed::class.java) { send(server) }
  }

  private companion object {
    val IDENTITY = Identity("127.0.0.1")
  }
}
