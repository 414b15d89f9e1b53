package attest.mobile

import android.app.Service
import android.content.Intent
import android.os.Binder
import android.os.IBinder
import android.os.Parcel
import android.os.ParcelFileDescriptor
import java.util.concurrent.Semaphore

/**
 * The process of the app in which nobody else's code runs: Android gives it a uid of its own, no permissions and no access to the app's files. It
 * answers the native library's questions about the phone through a socket, and knows nothing else. Only the app itself can bind it.
 */
class IsolatedService : Service() {
  override fun onBind(intent: Intent): IBinder = Door(Native::load, Native::serve)

  /** Takes one end of a socket pair in each transaction, and serves it on a thread of its own. */
  internal class Door(private val load: () -> Unit, private val serve: (Int) -> Unit) : Binder() {
    private val free = Semaphore(SERVED_MAX)

    override fun onTransact(code: Int, data: Parcel, reply: Parcel?, flags: Int): Boolean {
      if (code != GIVE) return super.onTransact(code, data, reply, flags)
      data.enforceInterface(DESCRIPTOR)
      val end = data.readFileDescriptor() ?: return true
      if (free.tryAcquire()) begin(end) else end.close()
      return true
    }

    private fun begin(end: ParcelFileDescriptor) {
      try {
        Thread({ serve(end) }, "attest-isolated").start()
      } catch (_: OutOfMemoryError) {
        // The system gives no more threads.
        free.release()
        end.close()
      }
    }

    private fun serve(end: ParcelFileDescriptor) {
      try {
        load()
        serve(end.detachFd())
      } catch (_: Throwable) {
        // No library for this processor, most likely. The app's end sees that nobody answers.
        end.close()
      } finally {
        free.release()
      }
    }
  }

  internal companion object {
    private const val DESCRIPTOR = "attest.mobile.IsolatedService"
    private const val GIVE = IBinder.FIRST_CALL_TRANSACTION
    /** The app has one; another one is its successor, before the first has seen its end. */
    private const val SERVED_MAX = 2

    /** Gives a socket's end to the service behind [binder]. It does not wait. */
    fun give(binder: IBinder, end: ParcelFileDescriptor) {
      val data = Parcel.obtain()
      try {
        data.writeInterfaceToken(DESCRIPTOR)
        data.writeFileDescriptor(end.fileDescriptor)
        binder.transact(GIVE, data, null, IBinder.FLAG_ONEWAY)
      } finally {
        data.recycle()
      }
    }
  }
}
