package attest.mobile.host

import android.content.Context
import android.os.Process
import android.system.ErrnoException
import android.system.Os
import attest.mobile.ffi.Named

/** What policies may call by name on this phone. What cannot be read is left out, which makes its clauses inconclusive. */
internal object Variables {
  fun of(context: Context): List<Named> {
    val uid = Process.myUid()
    val app = context.applicationInfo
    return listOf(
      "package" to context.packageName,
      "user_id" to (uid / UIDS_PER_USER).toString(),
      "uid" to uid.toString(),
      "data_dir" to app.dataDir,
      "own_apk" to app.sourceDir,
      "dev:/data" to device("/data"),
    ).mapNotNull { (name, value) -> value?.let { Named(name, it) } }
  }

  /** As the kernel writes it in `/proc/self/maps`. */
  private fun device(path: String): String? =
    try {
      Os.stat(path)?.let { shown(it.st_dev) }
    } catch (_: ErrnoException) {
      null
    }

  internal fun shown(device: Long): String {
    val major = (device shr 8 and 0xfff) or (device shr 32 and 0xfffff000L)
    val minor = (device and 0xff) or (device shr 12 and 0xffffff00L)
    return "%02x:%02x".format(java.util.Locale.ROOT, major, minor)
  }

  private const val UIDS_PER_USER = 100_000
}
