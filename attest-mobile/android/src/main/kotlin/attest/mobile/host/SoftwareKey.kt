package attest.mobile.host

import attest.mobile.ffi.DeviceKey
import attest.mobile.ffi.HostFailure
import attest.mobile.ffi.PlatformProof
import attest.mobile.ffi.Purpose
import attest.mobile.ffi.Storage
import attest.mobile.ffi.Vouched
import java.security.GeneralSecurityException
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.Signature
import java.security.interfaces.ECPrivateKey
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.security.spec.PKCS8EncodedKeySpec
import java.security.spec.X509EncodedKeySpec

/**
 * A QA identity: a key that is no better kept than a file, which vouches as software. Gateways of environment development accept it if their
 * policy lists `software`; those of production never do.
 */
internal class SoftwareKey(private val storage: Storage) : DeviceKey {
  override fun generate(challenge: ByteArray): ByteArray = failing {
    val generator = KeyPairGenerator.getInstance("EC")
    generator.initialize(ECGenParameterSpec("secp256r1"))
    val pair = generator.generateKeyPair()
    // One blob, so that no crash leaves halves of two keys.
    val private = pair.private.encoded
    storage.put(NAME, byteArrayOf((private.size shr 8).toByte(), private.size.toByte()) + private + pair.public.encoded)
    Signatures.point(pair.public as ECPublicKey)
  }

  override fun publicKey(): ByteArray = failing { Signatures.point(read().second) }

  override fun sign(signingInput: ByteArray): ByteArray = failing {
    val signature = Signature.getInstance("SHA256withECDSA")
    signature.initSign(read().first)
    signature.update(signingInput)
    Signatures.raw(signature.sign())
  }

  override fun vouch(purpose: Purpose, clientDataHash: ByteArray) =
    Vouched(if (purpose == Purpose.ENROLL) PlatformProof.Software else null, null)

  override fun delete() = storage.delete(NAME)

  private fun read(): Pair<ECPrivateKey, ECPublicKey> {
    val blob = storage.get(NAME) ?: throw HostFailure.Gone()
    val split = if (blob.size < 2) 0 else 2 + ((blob[0].toInt() and 0xff) shl 8) + (blob[1].toInt() and 0xff)
    if (split !in 2 until blob.size) throw HostFailure.Gone()
    return try {
      val factory = KeyFactory.getInstance("EC")
      val private = factory.generatePrivate(PKCS8EncodedKeySpec(blob.copyOfRange(2, split))) as ECPrivateKey
      private to factory.generatePublic(X509EncodedKeySpec(blob.copyOfRange(split, blob.size))) as ECPublicKey
    } catch (_: GeneralSecurityException) {
      throw HostFailure.Gone()
    }
  }

  private inline fun <T> failing(call: () -> T): T =
    try {
      call()
    } catch (_: GeneralSecurityException) {
      throw HostFailure.Failed()
    }

  internal companion object {
    const val NAME = "qa-key"
  }
}
