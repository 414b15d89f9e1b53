package attest.mobile

import android.content.Context

/**
 * Where the first root of the policy repository is: the file `policy-root.json` that the gateway's operator gave you, byte for byte. It is
 * public, and all that the app trusts policies by.
 */
fun interface PolicyRoot {
  /** The root's bytes. Called once, on a thread of the SDK's own. */
  fun read(context: Context): ByteArray

  companion object {
    /** The raw resource of this id: `PolicyRoot.raw(R.raw.policy_root)`. */
    @JvmStatic
    fun raw(id: Int): PolicyRoot = PolicyRoot { context -> context.resources.openRawResource(id).use { it.readAtMost(BYTES_MAX) } }

    /** These bytes. */
    @JvmStatic
    fun of(bytes: ByteArray): PolicyRoot = PolicyRoot { bytes }

    /** Longer than any root. */
    private const val BYTES_MAX = 512 * 1024
  }
}
