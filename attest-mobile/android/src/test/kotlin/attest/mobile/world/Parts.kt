package attest.mobile.world

import android.os.Looper
import attest.mobile.ffi.Clock
import attest.mobile.ffi.DeviceKey
import attest.mobile.ffi.Named
import attest.mobile.ffi.PlatformProof
import attest.mobile.ffi.Purpose
import attest.mobile.ffi.Reply
import attest.mobile.ffi.ServiceRequest
import attest.mobile.ffi.Storage
import attest.mobile.ffi.Transport
import attest.mobile.ffi.Vouched
import attest.mobile.host.SoftwareKey
import attest.mobile.host.UrlTransport
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger

/** Who was asked what, on which thread. */
internal class Calls {
  val all = CopyOnWriteArrayList<String>()
  val onMain = CopyOnWriteArrayList<String>()

  /** What goes wrong at each call from now on, by its name; nothing if it is not there. */
  val faults = ConcurrentHashMap<String, () -> Unit>()

  fun of(name: String) {
    if (Looper.getMainLooper().isCurrentThread) onMain += name
    all += name
    faults[name]?.invoke()
    faults[name.substringBefore('.')]?.invoke()
  }

  fun count(name: String) = all.count { it == name }

  /** Makes the calls of this name wait; what is returned lets them go on. */
  fun hang(name: String): () -> Unit {
    val gate = CountDownLatch(1)
    faults[name] = { gate.await() }
    return {
      faults.remove(name)
      gate.countDown()
    }
  }
}

/** The SDK's own transport, with what a test does to requests and replies. */
internal class TestTransport(private val calls: Calls, deadlineMs: Long = 10_000) : Transport {
  private val real = UrlTransport(deadlineMs)
  @Volatile var reply: ((ServiceRequest) -> Reply)? = null
  @Volatile var change: (ServiceRequest) -> ServiceRequest = { it }

  /** What becomes of the service's own replies. */
  @Volatile var received: (ServiceRequest, Reply) -> Reply = { _, reply -> reply }

  override fun send(request: ServiceRequest): Reply {
    calls.of("transport.send")
    return reply?.invoke(request) ?: received(request, real.send(change(request)))
  }
}

/** Files of a phone that outlive the app's process, in memory. */
internal class TestStorage(private val calls: Calls) : Storage {
  val blobs = ConcurrentHashMap<String, ByteArray>()

  override fun get(name: String): ByteArray? {
    calls.of("storage.get")
    return blobs[name]
  }

  override fun put(name: String, blob: ByteArray) {
    calls.of("storage.put")
    blobs[name] = blob
  }

  override fun delete(name: String) {
    calls.of("storage.delete")
    blobs.remove(name)
  }
}

/** The SDK's own software key. */
internal class TestKey(private val calls: Calls) : DeviceKey {
  val kept = TestStorage(Calls())
  private val real = SoftwareKey(kept)
  val generated = AtomicInteger()

  override fun generate(challenge: ByteArray): ByteArray {
    calls.of("key.generate")
    generated.incrementAndGet()
    return real.generate(challenge)
  }

  override fun publicKey(): ByteArray {
    calls.of("key.publicKey")
    return real.publicKey()
  }

  override fun sign(signingInput: ByteArray): ByteArray {
    calls.of("key.sign")
    return real.sign(signingInput)
  }

  override fun vouch(purpose: Purpose, clientDataHash: ByteArray): Vouched {
    calls.of("key.vouch")
    return real.vouch(purpose, clientDataHash)
  }

  override fun delete() {
    calls.of("key.delete")
    real.delete()
  }
}

/** The computer's clocks, and what a test adds to them. */
internal class TestClock(private val calls: Calls) : Clock {
  @Volatile var wallOffsetS = 0L
  @Volatile var aheadUs = 0L
  private val begun = System.nanoTime()

  override fun wallS(): ULong {
    calls.faults["clock"]?.invoke()
    return (System.currentTimeMillis() / 1000 + wallOffsetS).toULong()
  }

  override fun monotonicUs(): ULong {
    calls.faults["clock"]?.invoke()
    return ((System.nanoTime() - begun) / 1000 + aheadUs).toULong()
  }

  /** Time passes, for the phone. */
  fun pass(seconds: Long) {
    aheadUs += seconds * 1_000_000
    wallOffsetS += seconds
  }
}

internal fun html(text: String) = Reply(200u, listOf(Named("content-type", "text/html")), text.toByteArray())
