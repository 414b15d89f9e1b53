package attest.mobile

import android.os.IBinder
import android.os.Parcel
import android.os.ParcelFileDescriptor
import attest.mobile.world.SocketPairs
import java.util.concurrent.CountDownLatch
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import java.util.concurrent.locks.LockSupport
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

/** What comes through the isolated service's door, and what does not. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], manifest = Config.NONE, shadows = [SocketPairs::class])
class IsolatedServiceFrameworkTest {
  private val served = LinkedBlockingQueue<Int>()

  private fun end(): ParcelFileDescriptor {
    val (end, other) = ParcelFileDescriptor.createSocketPair()
    other.close()
    return end
  }

  private fun nextServed() = served.poll(HANGS_S, TimeUnit.SECONDS)

  @Test
  fun servesNoMoreThanTwoAtOnce() {
    val goOn = CountDownLatch(1)
    val door = IsolatedService.Door({}, { end ->
      served += end
      goOn.await()
    })
    val ends = List(3) { end() }
    ends.forEach { IsolatedService.give(door, it) }
    assertEquals(ends.take(2).map { it.detachFd() }.toSet(), setOf(nextServed(), nextServed()))
    assertNull("a third one", served.poll())
    ends.last().close()
    goOn.countDown()
    // Whoever goes makes room.
    val next = end()
    untilNobodyServes()
    IsolatedService.give(door, next)
    assertEquals(next.detachFd(), nextServed())
  }

  @Test
  fun aLibraryThatIsMissingEndsNothing() {
    val door = IsolatedService.Door({
      served += -1
      throw UnsatisfiedLinkError("not for this processor")
    }, { throw AssertionError() })
    // More often than there are places.
    repeat(4) {
      end().use { IsolatedService.give(door, it) }
      assertNotNull(nextServed())
      untilNobodyServes()
    }
  }

  @Test
  fun strangersAreRefused() {
    val door = IsolatedService.Door({}, { served += it })
    val data = Parcel.obtain()
    data.writeInterfaceToken("another.Interface")
    // A phone throws here; Robolectric compares no names. There is no descriptor in it either.
    runCatching { door.transact(IBinder.FIRST_CALL_TRANSACTION, data, null, 0) }
    assertFalse(door.transact(IBinder.FIRST_CALL_TRANSACTION + 1, Parcel.obtain(), null, 0))
    assertNull(served.poll())
  }

  private fun untilNobodyServes() {
    val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(HANGS_S)
    while (Thread.getAllStackTraces().keys.any { it.name == "attest-isolated" }) {
      assertTrue("somebody serves", System.nanoTime() < deadline)
      LockSupport.parkNanos(1_000_000)
    }
  }

  private companion object {
    const val HANGS_S = 60L
  }
}
