package attest.mobile

import attest.mobile.ffi.HostFailure
import attest.mobile.host.FileStorage
import java.io.File
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assume.assumeTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

/** Files on the computer's own file system; the phone's was not there to be asked. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], manifest = Config.NONE)
class FileStorageFrameworkTest {
  @get:Rule val temporary = TemporaryFolder()

  private val folder get() = File(temporary.root, "made/later")
  private val storage get() = FileStorage(folder)

  @Test
  fun keepsAndReplaces() {
    assertNull(storage.get("attest-state"))
    storage.delete("attest-state")
    storage.put("attest-state", byteArrayOf(1))
    storage.put("attest-state", byteArrayOf(2, 3))
    storage.put("empty", ByteArray(0))
    assertArrayEquals(byteArrayOf(2, 3), FileStorage(folder).get("attest-state"))
    assertArrayEquals(ByteArray(0), storage.get("empty"))
    assertEquals(setOf("attest-state", "empty"), folder.list()!!.toSet())
    storage.delete("attest-state")
    assertNull(storage.get("attest-state"))
  }

  @Test
  fun anUnfinishedWriteIsNotSeen() {
    storage.put("a", "whole".toByteArray())
    File(folder, "a.new").writeText("ha")
    assertEquals("whole", String(storage.get("a")!!))
    storage.put("a", "next".toByteArray())
    assertEquals("next", String(storage.get("a")!!))
  }

  @Test
  fun aBlobBeyondTheBoundIsNotRead() {
    storage.put("a", ByteArray(FileStorage.BLOB_BYTES_MAX))
    assertEquals(FileStorage.BLOB_BYTES_MAX, storage.get("a")!!.size)
    File(folder, "a").appendBytes(byteArrayOf(0))
    assertThrows(HostFailure.Failed::class.java) { storage.get("a") }
  }

  @Test
  fun namesStayInTheFolder() {
    for (name in listOf("", "../a", "a/b", "/etc/passwd", "a\u0000b", "A")) {
      assertThrows(name, HostFailure.Failed::class.java) { storage.get(name) }
      assertThrows(name, HostFailure.Failed::class.java) { storage.put(name, ByteArray(1)) }
      assertThrows(name, HostFailure.Failed::class.java) { storage.delete(name) }
    }
  }

  @Test
  fun whatIsInTheWayIsAFailure() {
    temporary.newFolder("made", "later", "a", "inside")
    assertThrows(HostFailure.Failed::class.java) { storage.get("a") }
    assertThrows(HostFailure.Failed::class.java) { storage.put("a", ByteArray(1)) }
    assertThrows(HostFailure.Failed::class.java) { storage.delete("a") }
    assertEquals(listOf("a"), folder.list()!!.toList())
  }

  /** A device of the computer that is always full. */
  @Test
  fun aFullDiskKeepsTheOldBlob() {
    val full = File("/dev/full")
    assumeTrue(full.exists())
    storage.put("a", "old".toByteArray())
    java.nio.file.Files.createSymbolicLink(File(folder, "a.new").toPath(), full.toPath())
    assertThrows(HostFailure.Failed::class.java) { storage.put("a", "new".toByteArray()) }
    assertEquals("old", String(storage.get("a")!!))
    storage.put("a", "new".toByteArray())
    assertEquals("new", String(storage.get("a")!!))
  }
}
