package attest.mobile

import android.os.Looper
import java.io.ByteArrayInputStream
import java.io.Closeable
import java.io.IOException
import java.io.InputStream
import java.net.HttpURLConnection
import java.net.URL
import kotlinx.coroutines.runBlocking

/**
 * The reply that stands.
 *
 * @param status the HTTP status.
 * @param headers names in lower case, in the order received.
 * @param body not read yet, except that of a refusal. Close it.
 * @param refusal the refusal that the reply is, if it is one.
 * @param sends how often the request was sent.
 */
class AttestSent internal constructor(
  val status: Int,
  val headers: List<Pair<String, String>>,
  val body: InputStream,
  val refusal: Refusal?,
  val sends: Int,
) : Closeable by body

/** One request by `HttpURLConnection`: authorise, send, follow. */
internal class UrlSender(private val attest: Attest, private val request: AttestRequest, private val prepare: HttpURLConnection.() -> Unit) {
  fun send(): AttestSent {
    check(Looper.myLooper() != Looper.getMainLooper()) { "send() blocks: call it off the main thread" }
    var authorization = waiting { attest.authorize(request) }
    var sends = 0
    while (true) {
      val connection = open(authorization)
      sends++
      val status = connection.responseCode
      val headers = headers(connection)
      // A redirect's body is of no use, and one that is missing is none.
      val body = (if (status >= 400) connection.errorStream else connection.inputStream) ?: ByteArrayInputStream(NO_BYTES)
      val read = if (isProblem(status, headers)) body.use { it.readAtMost(PROBLEM_BYTES_MAX) } else null
      val followed = try {
        waiting { attest.follow(request, authorization, AttestReply(status, headers, read ?: NO_BYTES)) }
      } catch (failure: AttestException) {
        body.close()
        throw failure
      }
      val again = followed.again ?: return AttestSent(status, headers, read?.let(::ByteArrayInputStream) ?: body, followed.refusal, sends)
      body.close()
      authorization = again
    }
  }

  private fun open(authorization: Authorization): HttpURLConnection {
    val connection = URL(request.url).openConnection() as? HttpURLConnection ?: throw IOException("not an HTTP URL")
    // A token is bound to this URL; it is not for the next one.
    connection.instanceFollowRedirects = false
    connection.requestMethod = request.method
    request.authorization?.let { connection.setRequestProperty("Authorization", it) }
    connection.prepare()
    for ((name, value) in authorization.headers) connection.setRequestProperty(name, value)
    if (request.body.isNotEmpty()) {
      connection.doOutput = true
      connection.outputStream.use { it.write(request.body) }
    }
    return connection
  }

  private fun headers(connection: HttpURLConnection) = connection.headerFields.orEmpty()
    .filterKeys { it != null }
    .flatMap { (name, values) -> values.map { name.lowercase() to it } }

  private fun <T> waiting(call: suspend () -> T): T =
    try {
      runBlocking { call() }
    } catch (_: InterruptedException) {
      Thread.currentThread().interrupt()
      throw java.io.InterruptedIOException("interrupted")
    }
}

/** Whether a reply's body is to be read for the SDK. */
internal fun isProblem(status: Int, headers: List<Pair<String, String>>) = status >= 400 &&
  headers.any { (name, value) -> name.equals("content-type", ignoreCase = true) && value.startsWith("application/problem+json", ignoreCase = true) }

/** Longer refusals are none of this system's. */
internal const val PROBLEM_BYTES_MAX = 64 * 1024
