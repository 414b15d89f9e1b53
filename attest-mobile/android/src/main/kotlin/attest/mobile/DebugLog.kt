package attest.mobile

import android.util.Log

/**
 * Hears each step of the SDK, for developers. A code is stable, the text is not; neither ever holds a token, key, challenge, device id or address.
 * Called on threads of the SDK's own, so it must not block for long.
 */
fun interface DebugLog {
  fun line(code: String, text: String)

  companion object {
    /** Writes to Android's log, at level debug, under the tag `attest`. */
    @JvmStatic
    fun logcat(): DebugLog = DebugLog { code, text -> Log.d("attest", "$code: $text") }
  }
}
