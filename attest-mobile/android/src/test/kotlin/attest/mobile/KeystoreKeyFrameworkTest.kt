package attest.mobile

import android.app.Application
import android.content.pm.PackageManager
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import attest.mobile.ffi.DeviceKey
import attest.mobile.ffi.HostFailure
import attest.mobile.ffi.PlatformProof
import attest.mobile.ffi.Purpose
import attest.mobile.ffi.Storage
import attest.mobile.host.KeystoreKey
import attest.mobile.host.Signatures
import attest.mobile.host.SoftwareKey
import attest.mobile.world.Calls
import attest.mobile.world.PlayedKeystore
import attest.mobile.world.TestStorage
import java.math.BigInteger
import java.security.AlgorithmParameters
import java.security.KeyFactory
import java.security.ProviderException
import java.security.Signature
import java.security.UnrecoverableKeyException
import java.security.cert.X509Certificate
import java.security.spec.ECGenParameterSpec
import java.security.spec.ECParameterSpec
import java.security.spec.ECPoint
import java.security.spec.ECPublicKeySpec
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config

/** Both device keys. Android's key store is [PlayedKeystore]: what is shown is what we ask of it. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], manifest = Config.NONE)
class KeystoreKeyFrameworkTest {
  private val app: Application = RuntimeEnvironment.getApplication()
  private val notices = mutableListOf<String>()
  private val keystore = PlayedKeystore()
  private val storage = TestStorage(Calls())
  private val key = KeystoreKey(app, storage) { code, text -> notices += "$code: $text" }
  private val challenge = ByteArray(32) { it.toByte() }

  @After
  fun close() = keystore.close()

  private fun hasStrongBox() = shadowOf(app.packageManager).setSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE, true)

  @Test
  fun makesWhatThePolicyIsToldAbout() {
    val point = key.generate(challenge)
    val spec = keystore.specs.single()
    assertEquals(KeyProperties.PURPOSE_SIGN, spec.purposes)
    assertArrayEquals(arrayOf(KeyProperties.DIGEST_SHA256), spec.digests)
    assertEquals("secp256r1", (spec.algorithmParameterSpec as ECGenParameterSpec).name)
    assertArrayEquals(challenge, spec.attestationChallenge)
    assertEquals(false, spec.isStrongBoxBacked)
    assertEquals(false, spec.isUserAuthenticationRequired)
    signsWith(key, point)
  }

  @Test
  fun vouchesByItsChainOnce() {
    key.generate(challenge)
    val proof = key.vouch(Purpose.ENROLL, ByteArray(32)).platform as PlatformProof.AndroidKey
    val chain = keystore.entries.values.single().chain
    assertEquals(4, chain.size)
    assertArrayEquals(chain.map { it.encoded }.toTypedArray(), proof.chain.toTypedArray())
    assertTrue("leaf first", (chain.first() as X509Certificate).basicConstraints < 0)
    assertEquals(null, key.vouch(Purpose.RENEW, ByteArray(32)).platform)
  }

  @Test
  fun strongBoxComesFirst() {
    hasStrongBox()
    key.generate(challenge)
    assertEquals(listOf(true), keystore.specs.map { it.isStrongBoxBacked })
    assertEquals(emptyList<String>(), notices)
  }

  @Test
  fun strongBoxThatFailsIsNoticed() {
    hasStrongBox()
    for (failure in listOf(StrongBoxUnavailableException("away"), ProviderException("broken"))) {
      keystore.generating = { if (it.isStrongBoxBacked) throw failure }
      signsWith(key, key.generate(challenge))
    }
    assertEquals(listOf(true, false, true, false), keystore.specs.map { it.isStrongBoxBacked })
    assertEquals(listOf("key-strongbox-failed", "key-strongbox-failed"), notices.map { it.substringBefore(':') })
    assertEquals(setOf(KeystoreKey.FELL_BACK), storage.blobs.keys)
    keystore.generating = {}
    key.generate(challenge)
    assertEquals(emptySet<String>(), storage.blobs.keys)
  }

  @Test
  fun theMarkOfAFailedStrongBoxGoesWithTheKey() {
    hasStrongBox()
    keystore.generating = { if (it.isStrongBoxBacked) throw ProviderException("broken") }
    key.generate(challenge)
    key.delete()
    assertEquals(emptySet<String>(), storage.blobs.keys)
  }

  @Test
  fun aFullDiskCostsTheMarkAndNotTheKey() {
    hasStrongBox()
    keystore.generating = { if (it.isStrongBoxBacked) throw ProviderException("broken") }
    val full = object : Storage by storage {
      override fun put(name: String, blob: ByteArray): Unit = throw HostFailure.Failed()
    }
    signsWith(key, KeystoreKey(app, full) { _, _ -> }.generate(challenge))
  }

  @Test
  fun whatCannotBeMadeFails() {
    keystore.generating = { throw ProviderException("no attestation") }
    assertThrows(HostFailure.Failed::class.java) { key.generate(challenge) }
    assertTrue("$notices", notices.single().startsWith("key-failed"))
  }

  @Test
  fun aKeyThatIsGoneIsGone() {
    assertThrows(HostFailure.Gone::class.java) { key.publicKey() }
    assertThrows(HostFailure.Gone::class.java) { key.sign(ByteArray(1)) }
    assertThrows(HostFailure.Gone::class.java) { key.vouch(Purpose.ENROLL, ByteArray(32)) }
    key.generate(challenge)
    val gone = listOf(
      UnrecoverableKeyException("corrupted"), KeyPermanentlyInvalidatedException("invalidated"),
      ProviderException(ProviderException(UnrecoverableKeyException("deep"))),
    )
    for (failure in gone) {
      keystore.reading = { throw failure }
      assertThrows(HostFailure.Gone::class.java) { key.sign(ByteArray(1)) }
    }
    keystore.reading = { throw ProviderException("busy") }
    assertThrows(HostFailure.Failed::class.java) { key.sign(ByteArray(1)) }
    keystore.reading = {}
    key.delete()
    key.delete()
    assertThrows(HostFailure.Gone::class.java) { key.publicKey() }
  }

  @Test
  fun theQaIdentityKeepsItsKeyInStorage() {
    val point = SoftwareKey(storage).generate(challenge)
    signsWith(SoftwareKey(storage), point)
    assertEquals(PlatformProof.Software, SoftwareKey(storage).vouch(Purpose.ENROLL, ByteArray(32)).platform)
    storage.blobs.replaceAll { _, blob -> blob.copyOf(blob.size / 2) }
    assertThrows(HostFailure.Gone::class.java) { SoftwareKey(storage).publicKey() }
    storage.blobs.replaceAll { _, _ -> ByteArray(1) }
    assertThrows(HostFailure.Gone::class.java) { SoftwareKey(storage).sign(ByteArray(1)) }
    SoftwareKey(storage).delete()
    assertThrows(HostFailure.Gone::class.java) { SoftwareKey(storage).publicKey() }
  }

  /** Many signatures, so that numbers with leading zeros and with the highest bit set are among them. */
  private fun signsWith(key: DeviceKey, point: ByteArray) {
    assertArrayEquals(point, key.publicKey())
    val curve = AlgorithmParameters.getInstance("EC").apply { init(ECGenParameterSpec("secp256r1")) }.getParameterSpec(ECParameterSpec::class.java)
    fun number(from: Int) = BigInteger(1, point.copyOfRange(from, from + 32))
    val public = KeyFactory.getInstance("EC").generatePublic(ECPublicKeySpec(ECPoint(number(1), number(33)), curve))
    repeat(300) { round ->
      val signed = key.sign("signing input $round".toByteArray())
      assertEquals(64, signed.size)
      val verifies = Signature.getInstance("SHA256withECDSAinP1363Format").run {
        initVerify(public)
        update("signing input $round".toByteArray())
        verify(signed)
      }
      assertTrue("round $round", verifies)
    }
  }

  @Test
  fun onlySignaturesAreRead() {
    fun bytes(hex: String) = hex.chunked(2).map { it.toInt(16).toByte() }.toByteArray()
    val r = "0221" + "00" + "ff".repeat(32)
    val s = "0201" + "05"
    val good = bytes("3026$r$s")
    assertArrayEquals(bytes("ff".repeat(32) + "00".repeat(31) + "05"), Signatures.raw(good))
    val bad = listOf(
      "", "30", "3000", "3026$r", "3027${r}0201050000", "3026${r}020100", "3026${r}0201ff", "3125$r$s", "3026${r}030105", "3026${r}0200",
      "3026${r}027f05", "3026${r}028105", "302802230000${"ff".repeat(33)}$s",
    )
    for (der in bad) assertThrows(der, IllegalArgumentException::class.java) { Signatures.raw(bytes(der)) }
    for (cut in good.indices) assertThrows(IllegalArgumentException::class.java) { Signatures.raw(good.copyOf(cut)) }
  }
}
