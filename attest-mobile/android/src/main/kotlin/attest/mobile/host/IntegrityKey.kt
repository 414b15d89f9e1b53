package attest.mobile.host

import android.util.Base64
import attest.mobile.PlayIntegrity
import attest.mobile.ffi.DeviceKey
import attest.mobile.ffi.Purpose
import attest.mobile.ffi.Vouched
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeoutOrNull

/** The device key, whose word is accompanied by a Play Integrity token if there is one within [withinMs]. */
internal class IntegrityKey(
  private val key: DeviceKey,
  private val integrity: PlayIntegrity,
  private val withinMs: Long,
  private val notice: (code: String, text: String) -> Unit,
) : DeviceKey by key {
  override fun vouch(purpose: Purpose, clientDataHash: ByteArray): Vouched {
    val hash = Base64.encodeToString(clientDataHash, Base64.URL_SAFE or Base64.NO_PADDING or Base64.NO_WRAP)
    val token = try {
      runBlocking(Dispatchers.Default) { withTimeoutOrNull(withinMs) { integrity.token(hash) } }
    } catch (failure: Exception) {
      notice("play-integrity-failed", "no Play Integrity token: ${failure.javaClass.simpleName}")
      null
    }
    return key.vouch(purpose, clientDataHash).copy(playIntegrity = token)
  }
}
