package attest.mobile.host

import attest.mobile.ffi.Clock
import attest.mobile.ffi.DeviceKey
import attest.mobile.ffi.HostFailure
import attest.mobile.ffi.Observer
import attest.mobile.ffi.Purpose
import attest.mobile.ffi.ServiceRequest
import attest.mobile.ffi.StepUp
import attest.mobile.ffi.StepUpPrompt
import attest.mobile.ffi.Storage
import attest.mobile.ffi.Transport
import com.sun.jna.Native

/** What the native side asks of the phone. */
internal class Hosts(
  val transport: Transport,
  val key: DeviceKey,
  val storage: Storage,
  val clock: Clock?,
  val observer: Observer,
  val stepUp: StepUpPrompt,
) {
  /**
   * The same, but whatever an implementation throws, an [Error] too, arrives on the native side as a [HostFailure]: past this line there is no
   * frame that could catch anything else.
   */
  fun contained() = Hosts(
    transport = object : Transport {
      override fun send(request: ServiceRequest) = contained { transport.send(request) }
    },
    key = object : DeviceKey {
      override fun generate(challenge: ByteArray) = contained { key.generate(challenge) }
      override fun publicKey() = contained { key.publicKey() }
      override fun sign(signingInput: ByteArray) = contained { key.sign(signingInput) }
      override fun vouch(purpose: Purpose, clientDataHash: ByteArray) = contained { key.vouch(purpose, clientDataHash) }
      override fun delete() = contained { key.delete() }
    },
    storage = object : Storage {
      override fun get(name: String) = contained { storage.get(name) }
      override fun put(name: String, blob: ByteArray) = contained { storage.put(name, blob) }
      override fun delete(name: String) = contained { storage.delete(name) }
    },
    clock = clock?.let { clock ->
      object : Clock {
        override fun wallS() = contained { clock.wallS() }
        override fun monotonicUs() = contained { clock.monotonicUs() }
      }
    },
    observer = object : Observer {
      override fun notice(code: String, text: String) = contained { observer.notice(code, text) }
    },
    stepUp = object : StepUpPrompt {
      override fun complete(stepUp: StepUp) = contained { this@Hosts.stepUp.complete(stepUp) }
    },
  )
}

/**
 * JNA attaches a native thread for a callback and detaches it afterwards, also if the native side had attached it for work of its own meanwhile,
 * which would go on without a virtual machine. So the thread stays attached; JNA detaches it when it ends.
 */
private inline fun <T> contained(call: () -> T): T =
  try {
    Native.detach(false)
    call()
  } catch (failure: HostFailure) {
    throw failure
  } catch (_: Throwable) {
    throw HostFailure.Failed()
  }
