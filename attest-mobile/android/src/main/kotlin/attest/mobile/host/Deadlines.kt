package attest.mobile.host

import java.util.concurrent.ScheduledThreadPoolExecutor
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicReference

/** Ends what takes too long, on one thread that goes when there is nothing to wait for. */
internal class Deadlines(name: String) {
  private val threads = ScheduledThreadPoolExecutor(1) { Thread(it, name).apply { isDaemon = true } }.apply {
    removeOnCancelPolicy = true
    setKeepAliveTime(5, TimeUnit.SECONDS)
    allowCoreThreadTimeOut(true)
  }

  /** Runs [end] after this time, unless the deadline is cancelled before. */
  fun within(ms: Long, end: () -> Unit): Deadline {
    val deadline = Deadline(end)
    deadline.future = threads.schedule(deadline, ms, TimeUnit.MILLISECONDS)
    return deadline
  }

  internal class Deadline(private val end: () -> Unit) : Runnable {
    private enum class State { Running, Passed, Cancelled }

    private val state = AtomicReference(State.Running)
    @Volatile internal var future: java.util.concurrent.Future<*>? = null

    fun hasPassed() = state.get() == State.Passed

    fun cancel() {
      state.compareAndSet(State.Running, State.Cancelled)
      future?.cancel(false)
    }

    override fun run() {
      if (!state.compareAndSet(State.Running, State.Passed)) return
      try {
        end()
      } catch (_: Exception) {
        return
      }
    }
  }
}
