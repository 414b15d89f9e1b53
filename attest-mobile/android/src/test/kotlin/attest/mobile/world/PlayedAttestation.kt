package attest.mobile.world

import java.math.BigInteger
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.PublicKey
import java.security.cert.X509Certificate
import java.security.spec.ECGenParameterSpec
import java.util.Date
import org.bouncycastle.asn1.ASN1Boolean
import org.bouncycastle.asn1.ASN1Encodable
import org.bouncycastle.asn1.ASN1Enumerated
import org.bouncycastle.asn1.ASN1Integer
import org.bouncycastle.asn1.ASN1ObjectIdentifier
import org.bouncycastle.asn1.DERNull
import org.bouncycastle.asn1.DEROctetString
import org.bouncycastle.asn1.DERSequence
import org.bouncycastle.asn1.DERSet
import org.bouncycastle.asn1.DERTaggedObject
import org.bouncycastle.asn1.x500.X500Name
import org.bouncycastle.asn1.x509.BasicConstraints
import org.bouncycastle.asn1.x509.Extension
import org.bouncycastle.asn1.x509.KeyUsage
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder

/** What a phone's trusted environment would say about a key, under a root of this run's own, which a development policy is told to trust. */
internal class PlayedAttestation {
  private val root = Issuer("CN=Attest Test Key Attestation Root", null)
  private val intermediate = Issuer("SERIALNUMBER=2ad1f52ce58373c5", root)
  private val batch = Issuer("SERIALNUMBER=5b0359cca8879cb5", intermediate)

  /** As `anchors` of a policy. */
  val anchors: String
    get() {
      val pem = java.util.Base64.getMimeEncoder(64, "\n".toByteArray()).encodeToString(root.certificate.encoded)
      val lines = listOf("-----BEGIN CERTIFICATE-----") + pem.lines() + "-----END CERTIFICATE-----"
      return "anchors:\n  - name: this-run\n    evidence: android_key\n    pem: |\n" + lines.joinToString("\n") { "      $it" }
    }

  /** The chain of a key that was made for this challenge, leaf first. */
  fun chain(key: PublicKey, challenge: ByteArray, level: Int): Array<X509Certificate> {
    val leaf = certificate("CN=Android Keystore Key", key, batch) {
      addExtension(Extension.keyUsage, true, KeyUsage(KeyUsage.digitalSignature))
      addExtension(DESCRIPTION, false, description(challenge, level))
    }
    return arrayOf(leaf, batch.certificate, intermediate.certificate, root.certificate)
  }

  private class Issuer(name: String, by: Issuer?) {
    val name = X500Name(name)
    val pair: KeyPair = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()
    val certificate: X509Certificate = certificate(name, pair.public, by ?: this) {
      addExtension(Extension.basicConstraints, true, BasicConstraints(true))
      addExtension(Extension.keyUsage, true, KeyUsage(KeyUsage.keyCertSign or KeyUsage.cRLSign))
    }
  }

  private companion object {
    val DESCRIPTION = ASN1ObjectIdentifier("1.3.6.1.4.1.11129.2.1.17")
    const val DAY_MS = 86_400_000L

    fun certificate(subject: String, key: PublicKey, by: Issuer, extend: JcaX509v3CertificateBuilder.() -> Unit): X509Certificate {
      val now = System.currentTimeMillis()
      val builder = JcaX509v3CertificateBuilder(by.name, BigInteger.valueOf(now), Date(now - DAY_MS), Date(now + DAY_MS), X500Name(subject), key)
      builder.extend()
      return JcaX509CertificateConverter().getCertificate(builder.build(JcaContentSignerBuilder("SHA256withECDSA").build(by.pair.private)))
    }

    fun description(challenge: ByteArray, level: Int) = DERSequence(
      arrayOf(
        number(300), ASN1Enumerated(level), number(300), ASN1Enumerated(level), DEROctetString(challenge), DEROctetString(ByteArray(0)),
        DERSequence(arrayOf(tagged(701, number(1_790_000_000_000)), tagged(709, DEROctetString(application().encoded)))),
        DERSequence(
          arrayOf(
            tagged(1, DERSet(arrayOf<ASN1Encodable>(number(2), number(3)))), tagged(2, number(3)), tagged(3, number(256)),
            tagged(5, DERSet(number(4))), tagged(10, number(1)), tagged(503, DERNull.INSTANCE), tagged(702, number(0)),
            tagged(704, bootState()), tagged(705, number(150_000)), tagged(706, number(202_610)), tagged(718, number(20_261_005)),
            tagged(719, number(20_261_001)),
          ),
        ),
      ),
    )

    fun bootState() =
      DERSequence(arrayOf(DEROctetString(ByteArray(32) { 7 }), ASN1Boolean.TRUE, ASN1Enumerated(0), DEROctetString(ByteArray(32) { 8 })))

    fun application(): DERSequence {
      val signer = "3f7a1c0b9e2d4856a1b0c9d8e7f60514233241506f7e8d9cabbbccddeeff0011".chunked(2).map { it.toInt(16).toByte() }.toByteArray()
      val packaged = DERSequence(arrayOf(DEROctetString("com.example.bank".toByteArray()), number(42)))
      return DERSequence(arrayOf(DERSet(packaged), DERSet(DEROctetString(signer))))
    }

    fun number(value: Long) = ASN1Integer(value)
    fun tagged(tag: Int, value: ASN1Encodable) = DERTaggedObject(true, tag, value)
  }
}
