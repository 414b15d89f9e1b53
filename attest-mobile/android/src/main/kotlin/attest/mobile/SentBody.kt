package attest.mobile

import java.io.IOException
import okhttp3.RequestBody
import okhttp3.RequestBody.Companion.toRequestBody
import okio.Buffer
import okio.Sink
import okio.Timeout
import okio.buffer

/**
 * A request's body as it is bound and as it is sent.
 *
 * @param bytes what a token is bound to.
 * @param toSend what is given to OkHttp.
 * @param isRepeatable whether it can be sent a second time.
 * @param isAsIs whether it is the app's own.
 */
internal class SentBody private constructor(val bytes: ByteArray, val toSend: RequestBody?, val isRepeatable: Boolean, val isAsIs: Boolean) {
  companion object {
    fun of(body: RequestBody?, bytesMax: Long): SentBody {
      if (body == null) return SentBody(NO_BYTES, null, isRepeatable = true, isAsIs = true)
      val length = body.contentLength()
      val streams = body.isDuplex() || length > bytesMax || (length < 0 && body.isOneShot())
      val bytes = if (streams) null else written(body, bytesMax)
      if (bytes == null) return SentBody(NO_BYTES, body, isRepeatable = !body.isDuplex() && !body.isOneShot(), isAsIs = true)
      return SentBody(bytes, bytes.toRequestBody(body.contentType()), isRepeatable = true, isAsIs = false)
    }

    /** Null if it is longer than it may be: such a body does not know its length, and can be written again. */
    private fun written(body: RequestBody, bytesMax: Long): ByteArray? {
      val bounded = Bounded(bytesMax)
      try {
        bounded.buffer().use { body.writeTo(it) }
      } catch (failure: TooLong) {
        if (body.isOneShot()) throw IOException("the body is longer than it says", failure)
        return null
      }
      return bounded.kept.readByteArray()
    }
  }

  private class Bounded(private val bytesMax: Long) : Sink {
    val kept = Buffer()

    override fun write(source: Buffer, byteCount: Long) {
      if (kept.size + byteCount > bytesMax) {
        // The sink is closed next, which would write the rest.
        source.clear()
        throw TooLong()
      }
      kept.write(source, byteCount)
    }

    override fun flush() = Unit
    override fun timeout() = Timeout.NONE
    override fun close() = Unit
  }
}
