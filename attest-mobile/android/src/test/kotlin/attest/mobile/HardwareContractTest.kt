package attest.mobile

import attest.mobile.host.KeystoreKey
import attest.mobile.world.PlayedAttestation
import attest.mobile.world.PlayedKeystore
import attest.mobile.world.Policy
import java.util.Collections
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.RuntimeEnvironment

/** The key of Android's key store, as far as [PlayedKeystore] is one, enrolled as hardware by the real verifier. */
class HardwareContractTest : Contract() {
  @Test
  fun hardwareEnrolsAsHardware() {
    val attestation = PlayedAttestation()
    val gateway = gateway(policy = Policy(keyLevelMin = "hardware", anchors = attestation.anchors))
    PlayedKeystore(attestation).use { keystore ->
      val asked = Collections.synchronizedList(mutableListOf<String>())
      val phone = phone(gateway)
      phone.hardware = KeystoreKey(RuntimeEnvironment.getApplication()) { code, _ -> asked += code }
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
      phone.hardware = KeystoreKey(RuntimeEnvironment.getApplication()) { _, _ -> }
      phone.start()
      assertEquals("evidence-refused", fails<AttestException.Refused> { phone.ready() }.code)
    }
  }
}
