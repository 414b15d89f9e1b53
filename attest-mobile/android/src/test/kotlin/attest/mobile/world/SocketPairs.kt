package attest.mobile.world

import android.os.ParcelFileDescriptor
import android.util.CloseGuard
import com.sun.jna.Library
import com.sun.jna.Native
import java.io.FileDescriptor
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.annotation.RealObject
import org.robolectric.util.ReflectionHelpers

/**
 * Real socket pairs of the computer, where Robolectric has files for descriptors. A phone's parcel takes a copy of a descriptor, Robolectric's the
 * descriptor itself: so nothing is closed here but by the native library.
 */
@Implements(ParcelFileDescriptor::class)
class SocketPairs {
  @RealObject private lateinit var real: ParcelFileDescriptor

  @Implementation
  fun detachFd(): Int {
    close()
    return number.getInt(real.fileDescriptor)
  }

  /** Otherwise it would be missed. */
  @Implementation
  fun close() = ReflectionHelpers.getField<CloseGuard>(real, "mGuard").close()

  @Suppress("unused")
  companion object {
    @Implementation
    @JvmStatic
    fun createSocketPair(): Array<ParcelFileDescriptor> {
      val ends = IntArray(2)
      check(libc.socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0) { "no socket pair" }
      return Array(2) { ParcelFileDescriptor(described(ends[it])) }
    }

    private fun described(end: Int) = FileDescriptor().also { number.setInt(it, end) }

    private interface Libc : Library {
      fun socketpair(domain: Int, type: Int, protocol: Int, ends: IntArray): Int
    }

    private val number = FileDescriptor::class.java.getDeclaredField("fd").apply { isAccessible = true }
    private val libc = Native.load("c", Libc::class.java)
    private const val AF_UNIX = 1
    private const val SOCK_STREAM = 1
  }
}
