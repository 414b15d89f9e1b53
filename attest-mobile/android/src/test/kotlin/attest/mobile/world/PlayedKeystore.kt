package attest.mobile.world

import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import java.io.InputStream
import java.io.OutputStream
import java.security.Key
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.KeyPairGeneratorSpi
import java.security.KeyStoreSpi
import java.security.Provider
import java.security.SecureRandom
import java.security.Security
import java.security.cert.Certificate
import java.security.spec.AlgorithmParameterSpec
import java.security.spec.ECGenParameterSpec
import java.util.Collections
import java.util.Date
import java.util.Enumeration
import java.util.concurrent.ConcurrentHashMap

/**
 * Stands in for Android's key store, which Robolectric does not have: a provider of its name, with keys in memory and attestations by
 * [PlayedAttestation]. It shows what the library asks for and makes of the answers, and nothing about real hardware.
 */
internal class PlayedKeystore(private val attestation: PlayedAttestation = PlayedAttestation()) : AutoCloseable {
  class Entry(val key: Key, val chain: Array<out Certificate>)

  val entries = ConcurrentHashMap<String, Entry>()
  val specs = mutableListOf<KeyGenParameterSpec>()

  /** What making a key runs into. */
  var generating: (KeyGenParameterSpec) -> Unit = {}

  /** What reading a key runs into. */
  var reading: () -> Unit = {}

  private val provider = object : Provider(NAME, "1", "a test's") {
    init {
      putService(object : Service(this, "KeyStore", NAME, Store::class.java.name, null, null) {
        override fun newInstance(parameter: Any?) = Store()
      })
      putService(object : Service(this, "KeyPairGenerator", "EC", Generator::class.java.name, null, null) {
        override fun newInstance(parameter: Any?) = Generator()
      })
    }
  }

  init {
    Security.removeProvider(NAME)
    Security.addProvider(provider)
  }

  override fun close() = Security.removeProvider(NAME)

  private inner class Generator : KeyPairGeneratorSpi() {
    private lateinit var spec: KeyGenParameterSpec

    override fun initialize(size: Int, random: SecureRandom) = throw UnsupportedOperationException()

    override fun initialize(asked: AlgorithmParameterSpec, random: SecureRandom?) {
      spec = asked as KeyGenParameterSpec
    }

    override fun generateKeyPair(): KeyPair {
      specs += spec
      generating(spec)
      val pair = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()
      val level = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P && spec.isStrongBoxBacked) STRONG_BOX else TRUSTED_ENVIRONMENT
      entries[spec.keystoreAlias] = Entry(pair.private, attestation.chain(pair.public, spec.attestationChallenge, level))
      return pair
    }
  }

  private inner class Store : KeyStoreSpi() {
    override fun engineLoad(stream: InputStream?, password: CharArray?) = Unit
    override fun engineGetKey(alias: String, password: CharArray?): Key? {
      reading()
      return entries[alias]?.key
    }
    override fun engineGetCertificateChain(alias: String): Array<out Certificate>? = entries[alias]?.chain
    override fun engineGetCertificate(alias: String): Certificate? = entries[alias]?.chain?.first()
    override fun engineDeleteEntry(alias: String) {
      entries.remove(alias)
    }
    override fun engineContainsAlias(alias: String) = entries.containsKey(alias)
    override fun engineAliases(): Enumeration<String> = Collections.enumeration(entries.keys)
    override fun engineSize() = entries.size
    override fun engineIsKeyEntry(alias: String) = engineContainsAlias(alias)
    override fun engineIsCertificateEntry(alias: String) = false
    override fun engineGetCertificateAlias(certificate: Certificate): String? = null
    override fun engineGetCreationDate(alias: String): Date? = null
    override fun engineStore(stream: OutputStream?, password: CharArray?) = Unit
    override fun engineSetKeyEntry(alias: String, key: Key, password: CharArray?, chain: Array<out Certificate>?) = throw UnsupportedOperationException()
    override fun engineSetKeyEntry(alias: String, key: ByteArray, chain: Array<out Certificate>?) = throw UnsupportedOperationException()
    override fun engineSetCertificateEntry(alias: String, certificate: Certificate) = throw UnsupportedOperationException()
  }

  internal companion object {
    const val NAME = "AndroidKeyStore"
    const val TRUSTED_ENVIRONMENT = 1
    const val STRONG_BOX = 2
  }
}
