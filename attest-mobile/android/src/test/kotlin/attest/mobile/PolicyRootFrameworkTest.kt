package attest.mobile

import android.app.Application
import android.content.res.Resources
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], manifest = Config.NONE)
class PolicyRootFrameworkTest {
  private val app: Application = RuntimeEnvironment.getApplication()

  /** A raw resource of the framework, in place of an app's. */
  @Test
  fun isReadFromResources() {
    val id = app.resources.getIdentifier("remote_views_color_resources", "raw", "android")
    val bytes = app.resources.openRawResource(id).use { it.readBytes() }
    assertTrue(bytes.isNotEmpty())
    assertArrayEquals(bytes, PolicyRoot.raw(id).read(app))
  }

  @Test
  fun whatIsNotThereIsToldByTheSdk() {
    assertThrows(Resources.NotFoundException::class.java) { PolicyRoot.raw(0x7f010001).read(app) }
  }

  @Test
  fun whatIsTooLongIsNotRead() {
    assertThrows(TooLong::class.java) { ByteArray(100).inputStream().readAtMost(99) }
    assertArrayEquals(ByteArray(100), ByteArray(100).inputStream().readAtMost(100))
  }
}
