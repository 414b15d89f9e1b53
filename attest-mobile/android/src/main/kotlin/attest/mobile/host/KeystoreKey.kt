package attest.mobile.host

import android.annotation.TargetApi
import android.content.Context
import android.content.pm.PackageManager
import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import attest.mobile.ffi.DeviceKey
import attest.mobile.ffi.HostFailure
import attest.mobile.ffi.PlatformProof
import attest.mobile.ffi.Purpose
import attest.mobile.ffi.Storage
import attest.mobile.ffi.Vouched
import java.security.GeneralSecurityException
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.PrivateKey
import java.security.ProviderException
import java.security.Signature
import java.security.UnrecoverableKeyException
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec

/**
 * The P-256 key in Android's key store: in StrongBox where there is one and it works, else in the trusted environment. The service's challenge is
 * bound into its attestation, which is asked for once, when the key is made. Calls block for as long as the hardware takes.
 *
 * @param storage keeps a mark where StrongBox failed.
 * @param notice hears of fall-backs and failures: a stable code, and text without secrets.
 */
internal class KeystoreKey(
  private val context: Context,
  private val storage: Storage,
  private val notice: (code: String, text: String) -> Unit,
) : DeviceKey {
  override fun generate(challenge: ByteArray): ByteArray {
    if (hasStrongBox()) {
      try {
        return make(spec(challenge).inStrongBox()).also { forgetFallBack() }
      } catch (failure: GeneralSecurityException) {
        fellBack(failure)
      } catch (failure: ProviderException) {
        fellBack(failure)
      }
    }
    return failing("made") { make(spec(challenge)) }
  }

  override fun publicKey(): ByteArray = failing("read") { point(chain().first().publicKey) }

  override fun sign(signingInput: ByteArray): ByteArray = failing("used") {
    val key = store().getKey(ALIAS, null) as? PrivateKey ?: throw HostFailure.Gone()
    val signature = Signature.getInstance("SHA256withECDSA")
    signature.initSign(key)
    signature.update(signingInput)
    Signatures.raw(signature.sign())
  }

  override fun vouch(purpose: Purpose, clientDataHash: ByteArray): Vouched = when (purpose) {
    Purpose.ENROLL -> failing("attested") { Vouched(PlatformProof.AndroidKey(chain().map { it.encoded }), null) }
    Purpose.RENEW -> Vouched(null, null)
  }

  override fun delete() {
    failing("removed") { store().deleteEntry(ALIAS) }
    forgetFallBack()
  }

  private fun store() = KeyStore.getInstance(PROVIDER).apply { load(null) }

  private fun chain() = store().getCertificateChain(ALIAS)?.takeIf { it.isNotEmpty() } ?: throw HostFailure.Gone()

  private fun point(key: java.security.PublicKey) = Signatures.point(key as? ECPublicKey ?: throw HostFailure.Gone())

  private fun make(spec: KeyGenParameterSpec.Builder): ByteArray {
    val generator = KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, PROVIDER)
    generator.initialize(spec.build())
    return point(generator.generateKeyPair().public)
  }

  private fun spec(challenge: ByteArray) = KeyGenParameterSpec.Builder(ALIAS, KeyProperties.PURPOSE_SIGN)
    .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))
    .setDigests(KeyProperties.DIGEST_SHA256)
    .setAttestationChallenge(challenge)

  private fun hasStrongBox() = Build.VERSION.SDK_INT >= Build.VERSION_CODES.P &&
    context.packageManager.hasSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE)

  @TargetApi(Build.VERSION_CODES.P)
  private fun KeyGenParameterSpec.Builder.inStrongBox() = setIsStrongBoxBacked(true)

  @TargetApi(Build.VERSION_CODES.P)
  private fun fellBack(failure: Exception) {
    val why = if (failure is StrongBoxUnavailableException) "is not available" else "failed (${failure.javaClass.simpleName})"
    notice("key-strongbox-failed", "StrongBox $why; the key is made in the trusted environment")
    quietly { storage.put(FELL_BACK, ByteArray(0)) }
  }

  private fun forgetFallBack() = quietly { storage.delete(FELL_BACK) }

  /** A key is worth more than the mark beside it. */
  private inline fun quietly(call: () -> Unit) {
    try {
      call()
    } catch (_: HostFailure) {
      return
    }
  }

  /** Runs [call]; what it throws is [HostFailure.Gone] if the key can never be used again, else a failure of this time. */
  private inline fun <T> failing(what: String, call: () -> T): T =
    try {
      call()
    } catch (failure: GeneralSecurityException) {
      throw failed(what, failure)
    } catch (failure: ProviderException) {
      throw failed(what, failure)
    }

  private fun failed(what: String, failure: Exception): HostFailure {
    val gone = generateSequence<Throwable>(failure) { it.cause }.take(CAUSES_MAX).any(::isGone)
    notice(if (gone) "key-gone" else "key-failed", "the device key could not be $what: ${failure.javaClass.simpleName}")
    return if (gone) HostFailure.Gone() else HostFailure.Failed()
  }

  private fun isGone(failure: Throwable) = failure is KeyPermanentlyInvalidatedException || failure is UnrecoverableKeyException ||
    (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU && isGoneSince33(failure))

  @TargetApi(Build.VERSION_CODES.TIRAMISU)
  private fun isGoneSince33(failure: Throwable) = failure is android.security.KeyStoreException &&
    failure.numericErrorCode in listOf(
      android.security.KeyStoreException.ERROR_KEY_DOES_NOT_EXIST, android.security.KeyStoreException.ERROR_KEY_CORRUPTED,
    )

  internal companion object {
    const val PROVIDER = "AndroidKeyStore"
    const val ALIAS = "attest.device"

    /** There while the key is one that StrongBox should have made: the detector `key.strongbox_failed` looks for the file. */
    const val FELL_BACK = "strongbox-failed"
    private const val CAUSES_MAX = 8
  }
}
