package attest.mobile

import java.io.IOException
import java.io.InterruptedIOException
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeoutOrNull
import okhttp3.Call

/** Waits on OkHttp's thread for as long as the call is wanted. OkHttp tells nobody when a call is cancelled, so that this asks. */
internal class CallWait(private val call: Call) {
  /**
   * What [work] returns.
   *
   * @throws AttestIOException if it ends in an [AttestException].
   * @throws IOException if the call is cancelled or its thread interrupted meanwhile.
   */
  fun <T : Any> of(work: suspend () -> T): T =
    try {
      runBlocking {
        val working = async { work() }
        while (true) {
          if (call.isCanceled()) {
            working.cancel()
            throw IOException("Canceled")
          }
          withTimeoutOrNull(ASK_EVERY_MS) { working.join() }?.let { break }
        }
        working.await()
      }
    } catch (failure: AttestException) {
      throw AttestIOException(failure)
    } catch (_: InterruptedException) {
      Thread.currentThread().interrupt()
      throw InterruptedIOException("interrupted")
    }

  private companion object {
    const val ASK_EVERY_MS = 100L
  }
}
