package attest.mobile

import attest.mobile.world.Gateway
import attest.mobile.world.Phone
import attest.mobile.world.Policy
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

/**
 * The scenarios of `attest-mobile/link/contract-scenarios.txt`, through the public API, against real gateway processes. Only the phone's parts are
 * a test's: its own transport and key with what goes wrong in them, storage in memory, and clocks that it can set.
 */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], manifest = Config.NONE)
abstract class Contract {
  private val closing = mutableListOf<AutoCloseable>()
  private val phones = mutableListOf<Phone>()

  internal fun gateway(settings: String = "", policy: Policy = Policy(), production: Boolean = false) =
    Gateway(settings, policy, production).also { closing += it }

  internal fun phone(gateway: Gateway, prepare: Phone.() -> Unit = {}) = Phone(gateway).apply(prepare).also {
    closing += it
    phones += it
  }

  internal fun phone(root: ByteArray, prepare: Phone.() -> Unit) = Phone(null, root).apply(prepare).also {
    closing += it
    phones += it
  }

  @After
  fun nothingRanOnTheMainThread() {
    closing.asReversed().forEach { it.close() }
    for (phone in phones) assertEquals(emptyList<String>(), phone.calls.onMain)
  }

  /** The app's process of these phones ends: one of them runs at a time. */
  internal fun closeOthers() = phones.forEach { it.close() }

  /** Waits for what another thread or process does; fails if it never comes. */
  internal fun eventually(what: String, holds: () -> Boolean) {
    val deadline = System.nanoTime() + Phone.HANGS_MS * 1_000_000
    while (!holds()) {
      assertTrue(what, System.nanoTime() < deadline)
      java.util.concurrent.locks.LockSupport.parkNanos(5_000_000)
    }
  }

  internal inline fun <reified T : AttestException> fails(crossinline call: () -> Unit): T = assertThrows(T::class.java) { call() }

  internal fun balance(phone: Phone) = AttestRequest("GET", phone.url("/v1/balance"))

  /** A request of the app, as a plain client sends it: authorised, and followed to its end. */
  internal fun Phone.sent(request: AttestRequest): AttestSent {
    val result = java.util.concurrent.FutureTask { attest.send(request) }
    Thread(result).start()
    return try {
      result.get(Phone.HANGS_MS, java.util.concurrent.TimeUnit.MILLISECONDS)
    } catch (failure: java.util.concurrent.ExecutionException) {
      throw failure.cause!!
    }
  }
}
