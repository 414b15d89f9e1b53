package attest.mobile

import android.content.pm.PackageManager
import android.security.keystore.StrongBoxUnavailableException
import attest.mobile.host.FileStorage
import attest.mobile.host.KeystoreKey
import attest.mobile.world.PlayedAttestation
import attest.mobile.world.PlayedKeystore
import attest.mobile.world.Policy
import java.io.File
import java.util.Collections
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf

/** The key of Android's key store, as far as [PlayedKeystore] is one, enrolled as hardware by the real verifier. */
class HardwareContractTest : Contract() {
  private val app = RuntimeEnvironment.getApplication()
  private val storage = FileStorage(File(app.noBackupFilesDir, "attest"))

  /** With the shipped detector, by the path that it asks the kernel for. */
  @Test
  fun aStrongBoxThatFailsIsAFinding() {
    val pack = File("../../policy/packs/android/device-key.yaml").readText()
    val asked = Regex("path\\.exists\\([^)]*\\)@syscall").find(pack)!!.value
    val detector = "{id: key.strongbox_failed, platform: android, category: app, severity: info, why: As shipped., when: {fact: '$asked', op: eq, value: true}}"
    val attestation = PlayedAttestation()
    val gateway = gateway(policy = Policy(keyLevelMin = "hardware", anchors = attestation.anchors, detectors = detector))
    shadowOf(app.packageManager).setSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE, true)
    PlayedKeystore(attestation).use { keystore ->
      keystore.generating = { if (it.isStrongBoxBacked) throw StrongBoxUnavailableException("away") }
      val phone = phone(gateway)
      phone.hardware = KeystoreKey(app, storage) { _, _ -> }
      phone.start()
      phone.ready()
      // The key is made after the scan of the first start.
      phone.restart()
      phone.ready()
      assertEquals(listOf(AttestStatus.Finding("key.strongbox_failed", "hit")), phone.attest.status().findings)
    }
  }

  @Test
  fun hardwareEnrolsAsHardware() {
    val attestation = PlayedAttestation()
    val gateway = gateway(policy = Policy(keyLevelMin = "hardware", anchors = attestation.anchors))
    PlayedKeystore(attestation).use { keystore ->
      val asked = Collections.synchronizedList(mutableListOf<String>())
      val phone = phone(gateway)
      phone.hardware = KeystoreKey(app, storage) { code, _ -> asked += code }
      phone.start()
      assertEquals(200, phone.sent(balance(phone)).status)
      assertEquals(200, phone.sent(AttestRequest("POST", phone.url("/v1/payments"), "{}".toByteArray())).status)
      assertEquals(1, keystore.specs.size)
      assertTrue("$asked", asked.all { it == "key-gone" })
    }
  }

  @Test
  fun anotherRootIsNotBelieved() {
    val gateway = gateway(policy = Policy(keyLevelMin = "hardware", anchors = PlayedAttestation().anchors))
    PlayedKeystore(PlayedAttestation()).use {
      val phone = phone(gateway)
      phone.hardware = KeystoreKey(app, storage) { _, _ -> }
      phone.start()
      assertEquals("evidence-refused", fails<AttestException.Refused> { phone.ready() }.code)
    }
  }
}
