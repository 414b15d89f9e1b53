package attest.mobile.world

import android.content.Context
import android.content.ContextWrapper
import android.content.pm.ApplicationInfo
import android.content.pm.PackageManager
import attest.mobile.Attest
import attest.mobile.AttestConfig
import attest.mobile.AttestReply
import attest.mobile.AttestRequest
import attest.mobile.Authorization
import attest.mobile.Environment
import attest.mobile.PolicyRoot
import attest.mobile.StepUpHandler
import attest.mobile.ffi.DeviceKey
import attest.mobile.ffi.Storage
import attest.mobile.host.Journal
import attest.mobile.host.Platform
import java.io.Closeable
import java.io.File
import java.net.HttpURLConnection
import java.net.URL
import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.robolectric.RuntimeEnvironment

/** A phone with the app: parts that outlive its process, and the SDK as the app starts it. */
internal class Phone(private val gateway: Gateway?, private val root: ByteArray = gateway!!.root) : Closeable {
  val calls = Calls()
  val transport = TestTransport(calls)
  val storage = TestStorage(calls)
  val key = TestKey(calls)
  val clock = TestClock(calls)
  val notices = CopyOnWriteArrayList<String>()
  var stepUp: StepUpHandler? = null
  var service = gateway?.service ?: "http://127.0.0.1:9/.attest/v1"
  var app = "bank-android"
  var appVersion = "4.2.0"
  /** In place of [key]. */
  var hardware: DeviceKey? = null

  /** By the computer's own clocks, as in production. */
  var hasOwnClock = false
  var isolatedProcess = false
  var origins: List<String> = emptyList()
  var callTimeoutMs = 15_000L
  var patienceMs = 60_000L
  var rideOutMs = 1_000L
  private var running: Attest? = null
  private val folder = File(RuntimeEnvironment.getTempDirectory().createIfNotExists("attest-lock").toString())

  val attest get() = checkNotNull(running)

  fun config() = AttestConfig(
    serviceUrl = service,
    app = app,
    appVersion = appVersion,
    policyRoot = PolicyRoot.of(root),
    environment = Environment.Development,
    qaIdentity = true,
    origins = origins,
    stepUp = stepUp,
    debugLog = { code, text ->
      notices += "$code: $text"
      calls.of("observer.notice")
    },
    isolatedProcess = isolatedProcess,
    callTimeoutMs = callTimeoutMs,
    patienceMs = patienceMs,
    rideOutMs = rideOutMs,
  )

  fun start(): Attest = Attest.start(WatchedContext(RuntimeEnvironment.getApplication(), calls), config(), ::Parts).also { running = it }

  /** The app's process ends and begins again. */
  fun restart(): Attest {
    close()
    return start()
  }

  /** Runs [call], and fails if it hangs. */
  fun <T> wait(call: suspend Attest.() -> T): T = runBlocking { withTimeout(HANGS_MS) { attest.call() } }

  fun ready() = wait { ready() }

  fun url(path: String) = "${gateway!!.origin}$path"

  /** What a test sends, with whatever headers it likes; the status, and the body from 400 on. */
  fun send(request: AttestRequest, headers: Map<String, String>): AttestReply {
    val connection = URL(request.url).openConnection() as HttpURLConnection
    connection.requestMethod = request.method
    request.authorization?.let { connection.setRequestProperty("Authorization", it) }
    headers.forEach(connection::setRequestProperty)
    if (request.method == "POST") {
      connection.doOutput = true
      connection.outputStream.use { it.write(request.body) }
    }
    val status = connection.responseCode
    val body = (if (status >= 400) connection.errorStream else connection.inputStream)?.use { it.readBytes() } ?: ByteArray(0)
    val received = connection.headerFields.filterKeys { it != null }.flatMap { (name, values) -> values.map { name to it } }
    return AttestReply(status, received, body)
  }

  fun send(request: AttestRequest, authorization: Authorization) = send(request, authorization.headers)

  override fun close() {
    running?.close()
    running = null
  }

  private inner class Parts(context: Context, config: AttestConfig, journal: Journal) : Platform(context, config, journal) {
    override fun folder() = folder
    override fun transport() = transport
    override fun storage(): Storage = storage
    override fun key(storage: Storage) = hardware ?: key
    override fun clock() = if (hasOwnClock) null else clock
  }

  companion object {
    /** Nothing in these tests takes so long, on however busy a machine. */
    const val HANGS_MS = 120_000L
  }
}

/** The app's context; what probes ask it is counted, with the thread. */
internal class WatchedContext(private val app: Context, private val calls: Calls) : ContextWrapper(app) {
  override fun getApplicationContext(): Context = this

  override fun getPackageManager(): PackageManager {
    current.of("probe.packageManager")
    return super.getPackageManager()
  }

  override fun getApplicationInfo(): ApplicationInfo {
    current.of("probe.applicationInfo")
    return super.getApplicationInfo()
  }

  override fun getSystemService(name: String): Any? {
    current.of("probe.systemService")
    return super.getSystemService(name)
  }

  init {
    current = calls
  }

  private companion object {
    /** The native side keeps the first context of the process for good. */
    @Volatile var current = Calls()
  }
}
