package attest.mobile.world

import java.io.Closeable
import java.io.File
import java.net.HttpURLConnection
import java.net.InetAddress
import java.net.ServerSocket
import java.net.URL
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import java.util.concurrent.TimeUnit
import java.util.concurrent.locks.LockSupport

/** A real gateway process in a folder of its own, with the bank behind it. */
internal class Gateway(private val settings: String = "", var policy: Policy = Policy(), private val production: Boolean = false) : Closeable {
  val bank = Bank()
  private val folder = Files.createTempDirectory("attest-gateway").toFile()
  private var process: Process? = null
  private var port = 0

  init {
    // Another process may take a port between its choice and its use; the gateway then says so and does not start.
    val started = (1..ATTEMPTS).any {
      prepare()
      start()
    }
    check(started) { "no gateway: ${log()}" }
  }

  val origin get() = "http://127.0.0.1:$port"
  val service get() = "$origin/.attest/v1"
  val root: ByteArray get() = File(folder, if (production) "gateway/policy/root.json" else "gateway/keys/policy-root.json").readBytes()

  /** By whom the policy of a development gateway is signed. */
  val owner: PolicyOwner get() = PolicyOwner(File(folder, "gateway/keys/policy-root.pem").readText())

  /** Starts it again where it was, with what it kept. */
  fun start(): Boolean {
    val started = attest("gateway", "run", "--config", "attest.toml").start()
    process = started
    // One line, once it serves.
    return started.inputStream.bufferedReader().readLine() != null
  }

  /** Ends it; its address then refuses connections. */
  fun stop() {
    process?.destroyForcibly()?.waitFor()
    process = null
  }

  /** Publishes the policy's next version, and returns once it is in force. */
  fun publish(change: Policy.() -> Policy) {
    policy = policy.change().copy(version = policy.version + 1)
    write()
    val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_S)
    while (version() != policy.version) {
      check(System.nanoTime() < deadline) { "policy ${policy.version} is not in force: ${log()}" }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20))
    }
  }

  /** Cuts all sessions begun until now. */
  fun cutSessions() = run("gateway", "bans", "add", "--all", "--sessions", "--reason", "a test", "--config", "attest.toml")

  /** What a command prints; it must succeed. */
  fun run(vararg arguments: String): String {
    val printed = File(folder, "printed")
    val ended = attest(*arguments).redirectOutput(printed).start()
    check(ended.waitFor(PATIENCE_S, TimeUnit.SECONDS) && ended.exitValue() == 0) { "${arguments.toList()}: ${log()}" }
    return printed.readText()
  }

  fun log() = File(folder, "log").takeIf { it.exists() }?.readText().orEmpty()

  private fun prepare() {
    val own = File(folder, "gateway").apply { deleteRecursively() }
    port = freePort()
    own.mkdirs()
    run("gateway", "init", ".", "--listen", "127.0.0.1:$port", "--upstream", bank.url)
    val config = File(own, "attest.toml")
    config.writeText(settings.lines().fold(config.readText()) { text, line ->
      val key = line.substringBefore(" =")
      text.replace(Regex("(?m)^#?${Regex.escape(key)} = .*$"), line)
    })
    if (production) publishSigned(config) else write()
  }

  /** A production gateway takes a policy that its owners signed, and no other. */
  private fun publishSigned(config: File) {
    config.writeText(
      config.readText().replace("environment = \"development\"", "environment = \"production\"")
        .replace("file = \"policy.yaml\"", "repository = \"policy/repository\"\nroot = \"policy/root.json\""),
    )
    File(folder, "gateway/passphrase").writeText("of a test, and long enough")
    run("policy", "init", "policy", "--keys", "owners")
    val source = checkNotNull(javaClass.getResource("/contract/production.yaml")).readText()
    File(folder, "gateway/policy.yaml").writeText(source + run("gateway", "keys", "list", "--policy", "--config", "attest.toml"))
    run("policy", "sign", "policy", "policy.yaml", "--keys", "owners")
    run("policy", "publish", "policy", "--keys", "owners")
  }

  private fun write() {
    val next = File(folder, "policy.next").apply { writeText(policy.source(origin, bank.otpKey)) }
    Files.move(next.toPath(), File(folder, "gateway/policy.yaml").toPath(), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING)
  }

  private fun version(): Int? {
    val connection = URL("$service/jwks.json").openConnection() as HttpURLConnection
    return connection.getHeaderField("attest-policy")?.toInt()
  }

  private fun attest(vararg arguments: String) = ProcessBuilder(listOf(System.getProperty("attest.binary")) + arguments)
    .directory(File(folder, "gateway"))
    .apply { environment()["ATTEST_PASSPHRASE_FILE"] = "passphrase" }
    .redirectError(ProcessBuilder.Redirect.appendTo(File(folder, "log")))

  /** The listener for operators takes the port above. */
  private fun freePort(): Int {
    val loopback = InetAddress.getLoopbackAddress()
    repeat(ATTEMPTS * 10) {
      ServerSocket(0, 1, loopback).use { first ->
        val next = runCatching { ServerSocket(first.localPort + 1, 1, loopback).close() }
        if (next.isSuccess) return first.localPort
      }
    }
    error("no two free ports")
  }

  override fun close() {
    stop()
    bank.close()
    folder.deleteRecursively()
  }

  private companion object {
    const val ATTEMPTS = 5
    const val PATIENCE_S = 60L
  }
}
