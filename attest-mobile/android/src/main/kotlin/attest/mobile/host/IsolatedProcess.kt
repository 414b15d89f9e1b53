package attest.mobile.host

import android.content.ComponentName
import android.content.Context
import android.content.Intent
import android.content.ServiceConnection
import android.os.IBinder
import android.os.ParcelFileDescriptor
import attest.mobile.IsolatedService
import java.util.concurrent.Executor

/**
 * The app's end of the isolated process: binds [IsolatedService] and gives the native side one end of a socket pair, and the service the other.
 * If the process dies, Android begins another one, and a new pair is made. Without it, what only it can answer stays unanswered.
 *
 * @param connect takes a descriptor that is its own from then on.
 */
internal class IsolatedProcess(
  private val context: Context,
  private val elsewhere: Executor,
  private val connect: (Int) -> Boolean,
  private val notice: (code: String, text: String) -> Unit,
) : ServiceConnection {
  /** Binds in the background; [close] unbinds. */
  fun open() {
    val intent = Intent(context, IsolatedService::class.java)
    // The system may end the process whenever it needs the memory.
    val bound = try {
      context.bindService(intent, this, Context.BIND_AUTO_CREATE or Context.BIND_WAIVE_PRIORITY)
    } catch (_: SecurityException) {
      false
    }
    if (!bound) notice("isolated-refused", "the isolated process cannot be bound; is the service in the app's manifest?")
  }

  fun close() {
    try {
      context.unbindService(this)
    } catch (_: RuntimeException) {
      return
    }
  }

  override fun onServiceConnected(name: ComponentName, binder: IBinder) = elsewhere.execute { offer(binder) }

  override fun onServiceDisconnected(name: ComponentName) = Unit

  private fun offer(binder: IBinder) {
    try {
      val (own, other) = ParcelFileDescriptor.createSocketPair()
      own.use {
        other.use { IsolatedService.give(binder, it) }
        if (!connect(own.detachFd())) notice("isolated-refused", "the native side did not take the socket")
      }
    } catch (failure: Exception) {
      notice("isolated-refused", "the isolated process was not reached: ${failure.javaClass.simpleName}")
    }
  }
}
