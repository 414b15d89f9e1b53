package attest.mobile

import android.content.ComponentName
import android.content.Intent
import android.os.Looper
import attest.mobile.world.Policy
import attest.mobile.world.SocketPairs
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowProcess

/**
 * The isolated process from the manifest's service to a detector's finding: bound, given a real socket's end, and asked through it by the native
 * library. It is the same process here, so that what it sees is not shown; `attest-mobile/tests/isolated.rs` asks another one.
 */
@Config(sdk = [35], manifest = Config.NONE, shadows = [SocketPairs::class])
class IsolatedContractTest : Contract() {
  private val app = RuntimeEnvironment.getApplication()
  private val detector = "{id: root.elsewhere, platform: android, category: root, severity: info, mode: shadow, why: Asks the isolated process., " +
    "when: {fact: path.exists(/proc/self/maps)@isolated, op: eq, value: true}}"

  @Test
  fun answersThroughItsSocket() {
    val gateway = gateway(policy = Policy(detectors = detector))
    val service = Robolectric.buildService(IsolatedService::class.java).create().get()
    shadowOf(app).setComponentNameAndServiceForBindService(ComponentName(app, IsolatedService::class.java), service.onBind(Intent()))
    val phone = phone(gateway) { isolatedProcess = true }
    val goOn = phone.calls.hang("transport.send")
    phone.start()
    eventually("both sides have their ends") {
      shadowOf(Looper.getMainLooper()).idle()
      threads("attest-isolated").any() && threads("attest-events").none { stack -> stack.any { "IsolatedProcess" in it.className } }
    }
    goOn()
    phone.ready()
    assertEquals("${phone.notices}", listOf(AttestStatus.Finding("root.elsewhere", "hit")), phone.attest.status().findings)
    service.onDestroy()
  }

  /** Some makers' systems refuse, and an app may have left the service out of its manifest. */
  @Test
  fun withoutItTheAppGoesOn() {
    val gateway = gateway(policy = Policy(detectors = detector))
    for (refuse in listOf<() -> Unit>(
      { shadowOf(app).declareComponentUnbindable(ComponentName(app, IsolatedService::class.java)) },
      { shadowOf(app).setThrowInBindService(SecurityException("refused")) },
    )) {
      refuse()
      val phone = phone(gateway) { isolatedProcess = true }.apply { start() }
      phone.ready()
      assertTrue("${phone.notices}", phone.notices.any { it.startsWith("isolated-refused") })
      assertEquals(200, phone.sent(balance(phone)).status)
      phone.close()
    }
  }

  /** Android runs the app's `onCreate` in the isolated process too, which has neither files nor keys nor a network. */
  @Test
  fun inItNothingStarts() {
    val phone = phone(gateway()) { isolatedProcess = true }
    ShadowProcess.setUid(99_123)
    phone.start()
    assertEquals("isolated-process", fails<AttestException.Misconfigured> { phone.ready() }.code)
    assertEquals(emptyList<String>(), phone.calls.all.filterNot { it == "observer.notice" })
  }

  private fun threads(name: String) = Thread.getAllStackTraces().filterKeys { it.name == name }.values
}
