package attest.mobile.host

import attest.mobile.DebugLog
import attest.mobile.ffi.Observer

/** Passes each step on to the app's debug log. What this side adds is kept for diagnostics; the native side keeps its own. */
internal class Journal(private val log: DebugLog?) : Observer {
  private val kept = ArrayDeque<String>()

  /** A step of the native side. */
  override fun notice(code: String, text: String) {
    try {
      log?.line(code, text)
    } catch (_: Exception) {
      // The app's own log; there is nobody else to tell.
    }
  }

  /** A step of this side. */
  fun note(code: String, text: String) {
    synchronized(kept) {
      if (kept.size == LINES_MAX) kept.removeFirst()
      kept.addLast("$code: ${text.take(TEXT_CHARS_MAX)}")
    }
    notice(code, text)
  }

  fun lines(): List<String> = synchronized(kept) { kept.toList() }

  private companion object {
    const val LINES_MAX = 32
    const val TEXT_CHARS_MAX = 400
  }
}
