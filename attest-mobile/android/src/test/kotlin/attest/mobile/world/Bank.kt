package attest.mobile.world

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import java.io.Closeable
import java.net.InetAddress
import java.net.InetSocketAddress
import java.security.KeyPairGenerator
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.util.Base64
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.Executors

/** The backend behind the gateway: it answers everything with 200 and remembers what reached it, and it confirms step-ups. */
internal class Bank : Closeable {
  class Reached(val method: String, val path: String, val headers: Map<String, List<String>>, val body: ByteArray)

  val reached = CopyOnWriteArrayList<Reached>()
  private val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)
  private val threads = Executors.newCachedThreadPool()
  private val otp = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()

  init {
    server.createContext("/", ::answer)
    server.executor = threads
    server.start()
  }

  val url get() = "http://127.0.0.1:${server.address.port}"

  /** By which it signs confirmations, as an item of a policy's list of keys. */
  val otpKey: String
    get() {
      val point = attest.mobile.host.Signatures.point(otp.public as ECPublicKey)
      return "{kty: EC, crv: P-256, alg: ES256, use: sig, kid: otp-1, x: ${base64(point.copyOfRange(1, 33))}, y: ${base64(point.copyOfRange(33, 65))}}"
    }

  /** The name by which it knows the phone that was here last. */
  fun pseudonym(): String = reached.last().headers.getValue("Attest-device").single()

  /** The confirmation that the bank's one-time-code service signs. */
  fun confirmation(stepUp: String, audience: String): String {
    val now = System.currentTimeMillis() / 1000
    val header = """{"alg":"ES256","typ":"attest-step-up+jwt","kid":"otp-1"}"""
    val claims = """{"iss":"https://otp.bank.example","aud":"$audience","sub":"${pseudonym()}","step_up":"$stepUp","iat":$now,"exp":${now + 300}}"""
    val input = base64(header.toByteArray()) + "." + base64(claims.toByteArray())
    val signature = Signature.getInstance("SHA256withECDSA").apply {
      initSign(otp.private)
      update(input.toByteArray())
    }
    return input + "." + base64(attest.mobile.host.Signatures.raw(signature.sign()))
  }

  private fun answer(exchange: HttpExchange) = exchange.use {
    val body = exchange.requestBody.readBytes()
    reached += Reached(exchange.requestMethod, exchange.requestURI.toString(), exchange.requestHeaders.toMap(), body)
    val said = """{"path":"${exchange.requestURI.path}","bytes":${body.size}}""".toByteArray()
    exchange.responseHeaders.add("content-type", "application/json")
    if (exchange.requestURI.path == "/v1/moved") exchange.responseHeaders.add("location", exchange.requestURI.query)
    exchange.sendResponseHeaders(if (exchange.requestURI.path == "/v1/moved") 307 else 200, said.size.toLong())
    exchange.responseBody.write(said)
  }

  override fun close() {
    server.stop(0)
    threads.shutdownNow()
  }

  private fun base64(bytes: ByteArray) = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes)
}
