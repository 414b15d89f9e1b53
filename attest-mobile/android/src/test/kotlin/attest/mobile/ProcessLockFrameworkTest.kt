package attest.mobile

import attest.mobile.host.ProcessLock
import attest.mobile.world.LockHolder
import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

/** Against a real second process. */
class ProcessLockFrameworkTest {
  @get:Rule val temporary = TemporaryFolder()

  private val folder get() = File(temporary.root, "made/later")

  @Test
  fun oneAtATime() {
    val first = ProcessLock.of(folder)!!
    assertNull(ProcessLock.of(folder))
    first.close()
    first.close()
    ProcessLock.of(folder)!!.close()
  }

  @Test
  fun anotherProcessHoldsItUntilItIsKilled() {
    folder.mkdirs()
    val classes = File(LockHolder::class.java.protectionDomain.codeSource.location.toURI()).path
    val java = File(System.getProperty("java.home"), "bin/java").path
    val other = ProcessBuilder(java, "-cp", classes, LockHolder::class.java.name, File(folder, "lock").path).start()
    try {
      assertEquals("true", other.inputStream.bufferedReader().readLine())
      assertNull(ProcessLock.of(folder))
    } finally {
      other.destroyForcibly().waitFor()
    }
    ProcessLock.of(folder)!!.close()
  }

  @Test
  fun whereNothingCanBeLockedTheAppGoesOn() {
    val file = temporary.newFile("no-folder")
    val held = ProcessLock.of(file)
    assertNotNull(held)
    held!!.close()
    assertNotNull(ProcessLock.of(file))
  }
}
