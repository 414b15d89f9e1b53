package attest.mobile.host

import android.annotation.TargetApi
import android.content.Context
import android.os.Build
import android.os.Process
import attest.mobile.AttestConfig
import attest.mobile.ffi.Clock
import attest.mobile.ffi.DeviceKey
import attest.mobile.ffi.Storage
import attest.mobile.ffi.Transport
import java.io.File

/** How the phone provides what the native side asks for. Tests put others in place of single parts. */
internal open class Platform(protected val context: Context, protected val config: AttestConfig, protected val journal: Journal) {
  /** Files that Android neither backs up nor restores. */
  open fun folder(): File = File(context.noBackupFilesDir, "attest")

  open fun transport(): Transport = UrlTransport(withinCall())

  open fun storage(): Storage = FileStorage(folder())

  open fun key(storage: Storage): DeviceKey {
    val key = if (config.qaIdentity) SoftwareKey(storage) else KeystoreKey(context, storage, journal::note)
    return config.playIntegrity?.let { IntegrityKey(key, it, withinCall(), journal::note) } ?: key
  }

  /** Null: the phone's, which the native side reads by itself; the monotonic one counts while the phone sleeps. */
  open fun clock(): Clock? = null

  /** Waits end a little before the native side gives the call up, so that their thread comes back. */
  protected fun withinCall() = config.callTimeoutMs - config.callTimeoutMs / 10

  internal companion object {
    /** Whether this is a process without the app's files and keys, such as that of the isolated service: Android runs the app's `onCreate` there, too. */
    fun isIsolated(): Boolean = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) isIsolatedSince28() else Process.myUid() % 100_000 in ISOLATED_UIDS

    @TargetApi(Build.VERSION_CODES.P)
    private fun isIsolatedSince28() = Process.isIsolated()

    private val ISOLATED_UIDS = 99_000..99_999
  }
}
