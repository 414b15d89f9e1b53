package attest.mobile

import android.Manifest
import android.app.Activity
import android.app.Application
import android.content.BroadcastReceiver
import android.content.Intent
import android.content.IntentFilter
import android.net.ConnectivityManager
import android.net.Network
import android.os.Looper
import attest.mobile.host.PlatformEvents
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowNetwork

/** What the SDK hears of the app and the phone, all of it by the platform's own callbacks. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], manifest = Config.NONE)
class PlatformEventsFrameworkTest {
  private val app: Application = RuntimeEnvironment.getApplication()
  private val connectivity = app.getSystemService(ConnectivityManager::class.java)
  private val waiting = ArrayDeque<Runnable>()
  private val heard = mutableListOf<String>()

  private fun watch(application: Application = app) =
    PlatformEvents(application, { waiting.addLast(it) }, { heard += "resumed" }, { heard += "connected" }).watch()

  /** What was heard since; all of it ran elsewhere, and nothing where it was called. */
  private fun heard(): List<String> {
    shadowOf(Looper.getMainLooper()).idle()
    assertEquals(emptyList<String>(), heard)
    while (waiting.isNotEmpty()) waiting.removeFirst().run()
    return heard.toList().also { heard.clear() }
  }

  @Test
  fun comingToTheForegroundCounts() {
    val end = watch()
    val first = Robolectric.buildActivity(Activity::class.java).setup()
    assertEquals(listOf("resumed"), heard())
    val second = Robolectric.buildActivity(Activity::class.java).setup()
    first.pause().stop()
    assertEquals(emptyList<String>(), heard())
    second.pause().stop()
    second.restart().start().resume()
    assertEquals(listOf("resumed"), heard())
    end()
    second.pause().stop().restart().start()
    assertEquals(emptyList<String>(), heard())
  }

  @Test
  fun aClockThatIsSetCounts() {
    val end = watch()
    app.sendBroadcast(Intent(Intent.ACTION_TIME_CHANGED))
    assertEquals(listOf("resumed"), heard())
    end()
    app.sendBroadcast(Intent(Intent.ACTION_TIME_CHANGED))
    assertEquals(emptyList<String>(), heard())
  }

  @Test
  fun theNetworkCountsWhereTheAppMayHearOfIt() {
    watch()()
    assertEquals(emptySet<Any>(), shadowOf(connectivity).networkCallbacks)
    shadowOf(app).grantPermissions(Manifest.permission.ACCESS_NETWORK_STATE)
    val end = watch()
    val network: Network = ShadowNetwork.newInstance(1)
    shadowOf(connectivity).networkCallbacks.single().onAvailable(network)
    assertEquals(listOf("connected"), heard())
    end()
    assertEquals(emptySet<Any>(), shadowOf(connectivity).networkCallbacks)
  }

  /** Too many receivers and the like: what is refused is missing, and nothing else. */
  @Test
  fun aPlatformThatRefusesIsLeftAlone() {
    val refusing = object : Application() {
      init {
        attachBaseContext(app)
      }

      override fun registerReceiver(receiver: BroadcastReceiver?, filter: IntentFilter?): Intent = throw IllegalStateException("too many")
      override fun registerActivityLifecycleCallbacks(callback: ActivityLifecycleCallbacks) = throw SecurityException("no")
      override fun checkSelfPermission(permission: String) = throw IllegalArgumentException("no")
    }
    watch(refusing)()
    assertEquals(emptyList<String>(), heard())
  }
}
