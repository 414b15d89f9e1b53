package attest.mobile

import android.os.Looper
import attest.mobile.ffi.HostFailure
import attest.mobile.world.Phone
import attest.mobile.world.Policy
import java.util.concurrent.atomic.AtomicReference
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test

/** What a registration goes through: restarts, new installations, restored phones, full disks, lost keys, and its end. */
class LivesContractTest : Contract() {
  private val gateway by lazy { gateway() }

  /** A phone that has enrolled once. */
  private fun enrolled() = phone(gateway).apply {
    start()
    ready()
  }

  private fun passes(phone: Phone) = assertEquals(200, phone.sent(balance(phone)).status)

  @Test
  fun `resumes-after-a-restart`() {
    val phone = enrolled()
    val device = phone.attest.status().device
    phone.restart()
    phone.ready()
    passes(phone)
    assertEquals(1, phone.key.generated.get())
    assertEquals(device, phone.attest.status().device)
  }

  @Test
  fun `storage-gone`() = enrolsAnew { storage.blobs.clear() }

  @Test
  fun `key-gone`() = enrolsAnew { key.kept.blobs.clear() }

  @Test
  fun `both-gone`() = enrolsAnew {
    storage.blobs.clear()
    key.kept.blobs.clear()
  }

  @Test
  fun `storage-corrupt`() = enrolsAnew { storage.blobs.replaceAll { _, blob -> blob.reversedArray() } }

  private fun enrolsAnew(between: Phone.() -> Unit) {
    val phone = enrolled()
    val device = phone.attest.status().device
    phone.close()
    phone.between()
    phone.start()
    passes(phone)
    assertEquals(2, phone.key.generated.get())
    assertNotEquals(device, phone.attest.status().device)
  }

  @Test
  fun `key-lost-while-running`() {
    val phone = enrolled()
    phone.key.kept.blobs.clear()
    assertEquals(200, phone.sent(AttestRequest("POST", phone.url("/v1/payments"), "{}".toByteArray())).status)
    assertEquals(2, phone.key.generated.get())
  }

  @Test
  fun `storage-full`() {
    val phone = phone(gateway)
    phone.calls.faults["storage.put"] = { throw HostFailure.Failed() }
    phone.start()
    passes(phone)
    assertTrue("${phone.notices}", phone.notices.any { it.startsWith("not-stored") })
    assertEquals(emptyMap<String, ByteArray>(), phone.storage.blobs.toMap())
  }

  @Test
  fun forgets() {
    val phone = enrolled()
    val device = phone.attest.status().device
    phone.wait { forget() }
    assertTrue(phone.calls.all.containsAll(listOf("key.delete", "storage.delete")))
    passes(phone)
    assertEquals(2, phone.key.generated.get())
    assertNotEquals(device, phone.attest.status().device)
  }

  @Test
  fun stops() {
    val phone = phone(gateway)
    val goOn = phone.calls.hang("transport.send")
    phone.start()
    val attest = phone.attest
    val waited = AtomicReference<Throwable>()
    val waiting = Thread { waited.set(runCatching { phone.wait { ready() } }.exceptionOrNull()) }.apply { start() }
    eventually("it asks the service") { phone.calls.count("transport.send") > 0 }
    attest.close()
    attest.close()
    waiting.join(Phone.HANGS_MS)
    assertEquals("stopped", (waited.get() as AttestException.Misconfigured).code)
    goOn()
    assertEquals("stopped", fails<AttestException.Misconfigured> { phone.wait { authorize(balance(phone)) } }.code)
    assertEquals("stopped", fails<AttestException.Misconfigured> { phone.wait { forget() } }.code)
    assertNull(attest.tryAuthorize(balance(phone)))
    assertEquals(false, attest.status().started)
    assertTrue(attest.diagnostics().contains("closed"))
    attest.connectivityRestored()
    phone.start()
    passes(phone)
  }

  @Test
  fun `asks-nothing-on-the-main-thread`() {
    val asking = listOf(
      "{fact: pm.package_exists(com.example.other), op: eq, value: true}", "{fact: sensors.name, op: any_eq, value: x}",
      "{fact: app.data_dir@java, op: eq, value: x}", "{fact: path.exists(/no/such)@java, op: eq, value: true}",
    )
    val detectors = asking.mapIndexed { index, fact ->
      "{id: app.asks-$index, platform: android, category: app, severity: info, mode: shadow, why: Asks Java., when: $fact}"
    }
    val phone = phone(gateway(policy = Policy(detectors = detectors.joinToString())))
    phone.stepUp = StepUpHandler {
      phone.calls.of("stepUp.complete")
      null
    }
    phone.start()
    fails<AttestException.StepUpDeclined> { phone.sent(AttestRequest("POST", phone.url("/v1/payees"), "{}".toByteArray())) }
    phone.wait { forget() }
    passes(phone)
    val asked = phone.calls.all.toSet()
    val expected = setOf(
      "transport.send", "key.generate", "key.publicKey", "key.sign", "key.vouch", "key.delete", "storage.get", "storage.put", "storage.delete",
      "observer.notice", "stepUp.complete", "probe.packageManager", "probe.systemService",
      "probe.applicationInfo",
    )
    assertEquals(expected, asked intersect expected)
    assertTrue("the app's own calls come from the main thread", Looper.getMainLooper().isCurrentThread)
    assertEquals(emptyList<String>(), phone.calls.onMain)
  }
}
