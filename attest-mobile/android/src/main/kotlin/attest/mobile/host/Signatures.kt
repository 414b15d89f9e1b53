package attest.mobile.host

import java.math.BigInteger
import java.security.interfaces.ECPublicKey

/** What Android's providers give, in the forms that JOSE has for P-256. */
internal object Signatures {
  private const val HALF = 32

  /** The uncompressed SEC1 point, 65 bytes. */
  fun point(key: ECPublicKey): ByteArray = byteArrayOf(4) + half(key.w.affineX) + half(key.w.affineY)

  /**
   * r ‖ s, 64 bytes, of a DER signature.
   *
   * @throws IllegalArgumentException if that is none.
   */
  fun raw(der: ByteArray): ByteArray {
    // SEQUENCE { INTEGER r, INTEGER s }: 72 bytes at most, so that each length is one byte.
    require(der.size in 8..72 && der[0] == 0x30.toByte() && der[1].toInt() == der.size - 2) { "not a DER signature" }
    val (r, afterR) = integer(der, 2)
    val (s, afterS) = integer(der, afterR)
    require(afterS == der.size) { "bytes after the signature" }
    return half(r) + half(s)
  }

  private fun integer(der: ByteArray, at: Int): Pair<BigInteger, Int> {
    require(at + 2 <= der.size && der[at] == 2.toByte()) { "not an integer" }
    val end = at + 2 + der[at + 1]
    require(der[at + 1] > 0 && end <= der.size) { "an integer of no length" }
    return BigInteger(der.copyOfRange(at + 2, end)) to end
  }

  private fun half(number: BigInteger): ByteArray {
    val bytes = number.toByteArray().dropWhile { it == 0.toByte() }
    require(number.signum() > 0 && bytes.size <= HALF) { "not a number of 256 bits" }
    return ByteArray(HALF - bytes.size) + bytes
  }
}
