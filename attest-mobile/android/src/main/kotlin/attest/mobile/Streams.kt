package attest.mobile

import java.io.ByteArrayOutputStream
import java.io.IOException
import java.io.InputStream

/** There was more to read than somebody wanted to. */
internal class TooLong : IOException("longer than its bound")

/**
 * All of the stream. Not one byte beyond the bound is kept, and nothing is read after it.
 *
 * @throws TooLong if there is more than [bytesMax].
 */
internal fun InputStream.readAtMost(bytesMax: Int): ByteArray {
  val whole = ByteArrayOutputStream()
  val piece = ByteArray(8 * 1024)
  while (true) {
    val read = read(piece, 0, minOf(piece.size.toLong(), bytesMax.toLong() - whole.size() + 1).toInt())
    if (read < 0) return whole.toByteArray()
    if (whole.size() + read > bytesMax) throw TooLong()
    whole.write(piece, 0, read)
  }
}
