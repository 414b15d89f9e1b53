package attest.mobile.world

import java.io.Closeable
import java.io.File
import java.io.InputStream
import java.io.OutputStream
import java.math.BigInteger
import java.net.InetAddress
import java.net.Socket
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.cert.X509Certificate
import java.security.spec.ECGenParameterSpec
import java.util.Date
import java.util.concurrent.CopyOnWriteArrayList
import javax.net.ssl.KeyManagerFactory
import javax.net.ssl.SSLContext
import javax.net.ssl.SSLServerSocket
import javax.net.ssl.TrustManagerFactory
import org.bouncycastle.asn1.x500.X500Name
import org.bouncycastle.asn1.x509.Extension
import org.bouncycastle.asn1.x509.GeneralName
import org.bouncycastle.asn1.x509.GeneralNames
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder

/** A certificate for a host, by nobody but itself, and its key. */
internal class Identity(host: String) {
  private val pair: KeyPair = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()
  val certificate: X509Certificate

  init {
    val name = X500Name("CN=$host")
    val begun = System.currentTimeMillis()
    val builder = JcaX509v3CertificateBuilder(name, BigInteger.ONE, Date(begun - HOUR_MS), Date(begun + HOUR_MS), name, pair.public)
    val kind = if (host.first().isDigit()) GeneralName.iPAddress else GeneralName.dNSName
    builder.addExtension(Extension.subjectAlternativeName, false, GeneralNames(GeneralName(kind, host)))
    certificate = JcaX509CertificateConverter().getCertificate(builder.build(JcaContentSignerBuilder("SHA256withECDSA").build(pair.private)))
  }

  fun server(): SSLContext {
    val keys = KeyStore.getInstance("PKCS12").apply {
      load(null, null)
      setKeyEntry("own", pair.private, CharArray(0), arrayOf(certificate))
    }
    val managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm()).apply { init(keys, CharArray(0)) }
    return SSLContext.getInstance("TLS").apply { init(managers.keyManagers, null, null) }
  }

  /** A client that trusts this certificate and no other. */
  fun client(): SSLContext {
    val trusted = KeyStore.getInstance("PKCS12").apply {
      load(null, null)
      setCertificateEntry("server", certificate)
    }
    val managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm()).apply { init(trusted) }
    return SSLContext.getInstance("TLS").apply { init(null, managers.trustManagers, null) }
  }

  /** Certificate and key as PEM files, for a gateway. */
  fun write(chain: File, key: File) {
    chain.writeText(pem("CERTIFICATE", certificate.encoded))
    key.writeText(pem("PRIVATE KEY", pair.private.encoded))
  }

  private fun pem(what: String, bytes: ByteArray) =
    "-----BEGIN $what-----\n${java.util.Base64.getMimeEncoder(64, "\n".toByteArray()).encodeToString(bytes)}\n-----END $what-----\n"

  private companion object {
    const val HOUR_MS = 3_600_000L
  }
}

/** A real TLS server that answers as a test says, byte by byte: an HTTP library would not send what hostile ones do. */
internal class TlsServer(context: SSLContext, private val answer: (request: String, OutputStream) -> Unit) : Closeable {
  private val listening = context.serverSocketFactory.createServerSocket(0, 50, InetAddress.getLoopbackAddress()) as SSLServerSocket
  private val accepted = CopyOnWriteArrayList<Socket>()
  val requests = CopyOnWriteArrayList<String>()

  /** How many bytes the answers had, as far as somebody took them. */
  @Volatile var sent = 0L

  val port get() = listening.localPort

  init {
    Thread({ accept() }, "tls-server").apply { isDaemon = true }.start()
  }

  private fun accept() {
    while (!listening.isClosed) {
      val socket = runCatching { listening.accept() }.getOrNull() ?: return
      accepted += socket
      Thread({ runCatching { serve(socket) } }, "tls-connection").apply { isDaemon = true }.start()
    }
  }

  private fun serve(socket: Socket) = socket.use {
    while (true) {
      val request = read(socket.getInputStream()) ?: return
      requests += request
      answer(request, Counted(socket.getOutputStream()))
      socket.getOutputStream().flush()
    }
  }

  /** Head and body. */
  private fun read(from: InputStream): String? {
    val text = StringBuilder()
    while (!text.endsWith("\r\n\r\n")) text.append((from.read().takeIf { it >= 0 } ?: return null).toChar())
    val length = Regex("(?i)content-length: (\\d+)").find(text)?.groupValues?.get(1)?.toInt() ?: 0
    return text.append(String(from.readNBytes(length))).toString()
  }

  private inner class Counted(private val to: OutputStream) : OutputStream() {
    override fun write(byte: Int) = write(byteArrayOf(byte.toByte()))
    override fun flush() = to.flush()
    override fun write(bytes: ByteArray, offset: Int, length: Int) {
      to.write(bytes, offset, length)
      to.flush()
      sent += length
    }
  }

  override fun close() {
    listening.close()
    accepted.forEach { runCatching { it.close() } }
  }
}
