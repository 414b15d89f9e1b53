package attest.mobile.host

import android.annotation.TargetApi
import android.os.Build
import android.system.Os
import android.system.OsConstants
import attest.mobile.ffi.HostFailure
import attest.mobile.ffi.Storage
import attest.mobile.readAtMost
import java.io.File
import java.io.FileNotFoundException
import java.io.FileOutputStream
import java.io.IOException
import java.nio.channels.FileChannel
import java.nio.file.StandardOpenOption

/**
 * Blobs as files of one folder, made when first written to. A file is replaced by renaming a complete one over it, so that a reader, or a start
 * after a crash, sees the old or the new blob.
 *
 * The folder is one that Android never backs up: a restored phone must not come back with the registration of another.
 */
internal class FileStorage(private val folder: File) : Storage {
  override fun get(name: String): ByteArray? =
    try {
      file(name).inputStream().use { it.readAtMost(BLOB_BYTES_MAX) }
    } catch (_: FileNotFoundException) {
      if (file(name).exists()) throw HostFailure.Failed()
      null
    } catch (_: IOException) {
      throw HostFailure.Failed()
    }

  override fun put(name: String, blob: ByteArray) {
    val unfinished = file("$name.new")
    try {
      folder.mkdirs()
      FileOutputStream(unfinished).use {
        it.write(blob)
        it.fd.sync()
      }
      if (!unfinished.renameTo(file(name))) throw IOException("not renamed")
      syncFolder()
    } catch (_: IOException) {
      unfinished.delete()
      throw HostFailure.Failed()
    }
  }

  override fun delete(name: String) {
    val file = file(name)
    if (!file.delete() && file.exists()) throw HostFailure.Failed()
  }

  /** The rename itself must reach the disk. What cannot sync a folder (some file systems) keeps the blob nevertheless. */
  private fun syncFolder() {
    try {
      if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) sync(folder) else syncBefore26(folder)
    } catch (_: Exception) {
      return
    }
  }

  @TargetApi(Build.VERSION_CODES.O)
  private fun sync(folder: File) {
    FileChannel.open(folder.toPath(), StandardOpenOption.READ).use { it.force(true) }
  }

  private fun syncBefore26(folder: File) {
    val opened = Os.open(folder.path, OsConstants.O_RDONLY, 0)
    try {
      Os.fsync(opened)
    } finally {
      Os.close(opened)
    }
  }

  private fun file(name: String): File {
    if (name.isEmpty() || name.any { it != '.' && it != '-' && it !in 'a'..'z' && it !in '0'..'9' }) throw HostFailure.Failed()
    return File(folder, name)
  }

  internal companion object {
    /** A larger file is not one of ours and is not read. */
    const val BLOB_BYTES_MAX = 8 * 1024 * 1024
  }
}
