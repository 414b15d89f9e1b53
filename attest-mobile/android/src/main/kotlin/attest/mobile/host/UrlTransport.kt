package attest.mobile.host

import attest.mobile.TooLong
import attest.mobile.ffi.HostFailure
import attest.mobile.ffi.Named
import attest.mobile.ffi.Reply
import attest.mobile.ffi.ServiceRequest
import attest.mobile.ffi.Transport
import attest.mobile.readAtMost
import java.io.IOException
import java.net.HttpURLConnection
import java.net.SocketTimeoutException
import java.net.URL

/**
 * The way to the service by the platform's own client and its trust in certificates, which an app narrows by its network security configuration.
 *
 * It follows no redirect, keeps no cache, stops reading at the reply's bound, and ends by its deadline whatever the other side does: also one that
 * sends a byte a second. A process-wide `CookieHandler`, if the app sets one, applies here as to every `HttpURLConnection`.
 */
internal class UrlTransport(private val deadlineMs: Long) : Transport {
  private val deadlines = Deadlines("attest-deadline")

  override fun send(request: ServiceRequest): Reply {
    val connection = URL(request.url).openConnection() as? HttpURLConnection ?: throw HostFailure.Failed()
    val deadline = deadlines.within(deadlineMs) { connection.disconnect() }
    var whole = false
    try {
      prepare(connection, request)
      if (request.body.isNotEmpty()) connection.outputStream.use { it.write(request.body) }
      val reply = read(connection, request.replyBytesMax)
      // A connection that was cut reads like one that ended.
      if (deadline.hasPassed()) throw HostFailure.TimedOut()
      whole = true
      return reply
    } catch (_: TooLong) {
      throw HostFailure.Oversized()
    } catch (_: SocketTimeoutException) {
      throw HostFailure.TimedOut()
    } catch (_: IOException) {
      throw if (deadline.hasPassed()) HostFailure.TimedOut() else HostFailure.Failed()
    } finally {
      deadline.cancel()
      // What was not read to its end cannot be used again; what was is kept for the next call.
      if (!whole) connection.disconnect()
    }
  }

  private fun prepare(connection: HttpURLConnection, request: ServiceRequest) {
    connection.instanceFollowRedirects = false
    connection.useCaches = false
    connection.connectTimeout = deadlineMs.toInt()
    connection.readTimeout = deadlineMs.toInt()
    connection.requestMethod = request.method
    connection.doOutput = request.body.isNotEmpty()
    // Otherwise Android asks for gzip by itself, and the bound would be one of something else than what is received.
    connection.setRequestProperty("Accept-Encoding", "identity")
    for (header in request.headers) connection.setRequestProperty(header.name, header.value)
  }

  private fun read(connection: HttpURLConnection, bytesMax: ULong): Reply {
    val status = connection.responseCode
    if (status !in 100..999) throw IOException("not HTTP")
    val bound = bytesMax.coerceAtMost(REPLY_BYTES_MAX.toULong()).toInt()
    if (connection.contentLength > bound) throw TooLong()
    val stream = if (status >= 400) connection.errorStream else connection.inputStream
    val body = stream?.use { it.readAtMost(bound) } ?: ByteArray(0)
    if (status !in BODILESS && body.size < connection.contentLength) throw IOException("cut short")
    return Reply(status.toUShort(), headers(connection), body)
  }

  private fun headers(connection: HttpURLConnection): List<Named> =
    connection.headerFields.orEmpty().entries
      .filter { (name, _) -> name != null }
      .flatMap { (name, values) -> values.map { Named(name.lowercase(), it) } }
      .filter { it.value.length <= HEADER_CHARS_MAX }
      .take(HEADERS_MAX)

  private companion object {
    /** Replies that tell the length of something that they do not carry. */
    val BODILESS = listOf(204, 304)
    /** Beyond what the native side ever asks for. */
    const val REPLY_BYTES_MAX = 16 * 1024 * 1024
    /** More than the service sends; the rest is not passed on. */
    const val HEADERS_MAX = 100
    const val HEADER_CHARS_MAX = 8 * 1024
  }
}
