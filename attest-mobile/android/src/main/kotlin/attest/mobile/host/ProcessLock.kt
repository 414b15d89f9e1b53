package attest.mobile.host

import java.io.Closeable
import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.nio.channels.FileChannel
import java.nio.channels.OverlappingFileLockException

/**
 * Keeps a second process of the app from using the same key and registration: two would undo each other's enrolments.
 *
 * @param channel null: nothing is held.
 */
internal class ProcessLock private constructor(private val channel: FileChannel?) : Closeable {
  /** The system gives the lock back also when the process is killed. */
  override fun close() {
    try {
      channel?.close()
    } catch (_: IOException) {
      return
    }
  }

  internal companion object {
    /** The lock, or null if somebody else has it. Where no file can be locked (a full disk) it holds nothing: the app must go on. */
    fun of(folder: File): ProcessLock? {
      folder.mkdirs()
      val channel = try {
        RandomAccessFile(File(folder, "lock"), "rw").channel
      } catch (_: IOException) {
        return ProcessLock(null)
      }
      val isOurs = try {
        channel.tryLock() != null
      } catch (_: OverlappingFileLockException) {
        false
      } catch (_: IOException) {
        true
      }
      if (isOurs) return ProcessLock(channel)
      channel.close()
      return null
    }
  }
}
