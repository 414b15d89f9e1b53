package attest.mobile.host

import android.Manifest
import android.app.Activity
import android.app.Application
import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.content.pm.PackageManager
import android.net.ConnectivityManager
import android.net.Network
import android.os.Bundle
import java.util.concurrent.Executor

/**
 * Tells the SDK when the app comes to the foreground, when the network may be back and when the clock was set. It asks for no permission: without
 * `ACCESS_NETWORK_STATE`, if the app has not got it anyway, the network's return is noticed by the next attempt.
 *
 * Callbacks come on the main thread; what they cause runs on [elsewhere].
 */
internal class PlatformEvents(
  private val application: Application,
  private val elsewhere: Executor,
  private val resumed: () -> Unit,
  private val connected: () -> Unit,
) {
  private var started = 0

  private val activities = object : Application.ActivityLifecycleCallbacks {
    override fun onActivityStarted(activity: Activity) {
      if (started++ == 0) elsewhere.execute(resumed)
    }

    override fun onActivityStopped(activity: Activity) {
      started = maxOf(0, started - 1)
    }

    override fun onActivityCreated(activity: Activity, saved: Bundle?) = Unit
    override fun onActivityResumed(activity: Activity) = Unit
    override fun onActivityPaused(activity: Activity) = Unit
    override fun onActivitySaveInstanceState(activity: Activity, out: Bundle) = Unit
    override fun onActivityDestroyed(activity: Activity) = Unit
  }

  private val clock = object : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) = elsewhere.execute(resumed)
  }

  private val network = object : ConnectivityManager.NetworkCallback() {
    override fun onAvailable(network: Network) = elsewhere.execute(connected)
  }

  /** Returns a thing that ends it all. What the platform refuses is left out. */
  fun watch(): () -> Unit {
    val ends = listOfNotNull(
      attempt({ application.registerActivityLifecycleCallbacks(activities) }) {
        application.unregisterActivityLifecycleCallbacks(activities)
      },
      attempt({ application.registerReceiver(clock, IntentFilter(Intent.ACTION_TIME_CHANGED)) }) { application.unregisterReceiver(clock) },
      connectivity()?.let { service -> attempt({ service.registerDefaultNetworkCallback(network) }) { service.unregisterNetworkCallback(network) } },
    )
    return { ends.forEach { it() } }
  }

  private fun connectivity(): ConnectivityManager? {
    var service: ConnectivityManager? = null
    quietly {
      val granted = application.checkSelfPermission(Manifest.permission.ACCESS_NETWORK_STATE) == PackageManager.PERMISSION_GRANTED
      if (granted) service = application.getSystemService(Context.CONNECTIVITY_SERVICE) as? ConnectivityManager
    }
    return service
  }

  /** Some makers' systems throw here what no documentation names. */
  private fun attempt(begin: () -> Unit, end: () -> Unit): (() -> Unit)? = if (quietly(begin)) ({ quietly(end) }) else null

  private fun quietly(call: () -> Unit): Boolean =
    try {
      call()
      true
    } catch (_: RuntimeException) {
      false
    }
}
