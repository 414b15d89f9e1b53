package com.example.bank.world

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import java.io.Closeable
import java.math.BigInteger
import java.net.InetAddress
import java.net.InetSocketAddress
import java.security.KeyPairGenerator
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.util.Base64
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.Executors
import org.json.JSONObject

/**
 * The bank behind the gateway, with the paths and replies of the demo's bank: whoever reaches it is served. It sends one-time codes as text
 * messages, and signs for the right one.
 */
class BankServer : Closeable {
  /** The last text message to a customer. */
  @Volatile var textMessage: String? = null

  /** What reached it: method and path. */
  val reached = java.util.concurrent.CopyOnWriteArrayList<String>()

  /** By which name apps call the gateway. */
  @Volatile var audience = ""
  private val codes = ConcurrentHashMap<String, String>()
  private val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)
  private val threads = Executors.newCachedThreadPool()
  private val otp = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()

  init {
    server.createContext("/", ::answer)
    server.executor = threads
    server.start()
  }

  val url get() = "http://127.0.0.1:${server.address.port}"

  /** By which it signs, as an item of a policy's list of keys. */
  val otpKey: String
    get() {
      val point = (otp.public as ECPublicKey).w
      return "{kty: EC, crv: P-256, alg: ES256, use: sig, kid: otp-1, x: ${base64(half(point.affineX))}, y: ${base64(half(point.affineY))}}"
    }

  private fun answer(exchange: HttpExchange) = exchange.use {
    val body = exchange.requestBody.readBytes().toString(Charsets.UTF_8)
    reached += "${exchange.requestMethod} ${exchange.requestURI.path}"
    val (status, said) = when (exchange.requestURI.path) {
      "/v1/onboarding" -> 201 to """{"customer":"c-1001"}"""
      "/v1/login" -> 200 to """{"access_token":"demo-access-token"}"""
      "/v1/balance" -> 200 to """{"balance":"1024.00","currency":"EUR"}"""
      "/v1/payments" -> 201 to """{"payment":"p-2001","state":"booked"}"""
      "/v1/payees" -> 201 to """{"payee":"y-3001"}"""
      "/v1/step-up" -> stepUp(JSONObject(body), exchange.requestHeaders.getFirst("Attest-Device"))
      else -> 404 to """{"error":"not-found"}"""
    }
    exchange.responseHeaders.add("content-type", "application/json")
    exchange.sendResponseHeaders(status, said.length.toLong())
    exchange.responseBody.write(said.toByteArray())
  }

  private fun stepUp(call: JSONObject, device: String): Pair<Int, String> {
    val id = call.getString("id")
    if (!call.has("code")) {
      val code = "%06d".format(java.security.SecureRandom().nextInt(1_000_000))
      codes[id] = code
      textMessage = code
      return 202 to """{"sent":"sms"}"""
    }
    return if (codes.remove(id) == call.getString("code")) 200 to """{"completion":"${completion(id, device)}"}""" else 403 to """{"error":"code"}"""
  }

  private fun completion(stepUp: String, device: String): String {
    val now = System.currentTimeMillis() / 1000
    val claims = """{"iss":"https://otp.bank.example","aud":"$audience","sub":"$device","step_up":"$stepUp","iat":$now,"exp":${now + 300}}"""
    val input = base64("""{"alg":"ES256","typ":"attest-step-up+jwt","kid":"otp-1"}""".toByteArray()) + "." + base64(claims.toByteArray())
    val signature = Signature.getInstance("SHA256withECDSAinP1363Format", "SunEC").apply {
      initSign(otp.private)
      update(input.toByteArray())
    }
    return input + "." + base64(signature.sign())
  }

  override fun close() {
    server.stop(0)
    threads.shutdownNow()
  }

  private fun half(number: BigInteger) = ByteArray(32).also { half ->
    val bytes = number.toByteArray().takeLast(32)
    bytes.forEachIndexed { at, byte -> half[32 - bytes.size + at] = byte }
  }

  private fun base64(bytes: ByteArray) = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes)
}
