package com.example.bank.world

import java.io.Closeable
import java.io.File
import java.nio.file.Files
import java.util.concurrent.TimeUnit

/** The bank's operator: sets up a real gateway that follows a signed policy repository, and changes that policy while it runs. */
class Operator(private val bank: BankServer, private val told: Transcript) : Closeable {
  private val folder = Files.createTempDirectory("attest-bank").toFile()
  private var gateway: Process? = null
  private var port = 0

  val origin get() = "http://127.0.0.1:$port"
  val policyRoot: ByteArray get() = File(folder, "policy/root.json").readBytes()
  private val admin get() = "http://127.0.0.1:${port + 1}"

  /** Makes and starts it all; the transcript has what is typed for that. */
  fun open() {
    port = Ports.two()
    bank.audience = origin
    told.placeholder("127.0.0.1:$port", "127.0.0.1:8080")
    told.placeholder(admin, "http://127.0.0.1:8081")
    told.placeholder(bank.url, "http://127.0.0.1:9000")
    File(folder, "passphrase").writeText("of a test, and long enough")
    type("gateway", "init", "gateway", "--listen", "127.0.0.1:$port", "--upstream", bank.url)
    type("policy", "init", "policy", "--keys", "owners")
    val keys = type("gateway", "keys", "list", "--policy", "--config", "gateway/attest.toml", more = " >> policy.yaml")
    val source = checkNotNull(javaClass.getResource("/bank.yaml")).readText().replace("{origin}", origin).replace("{otp_key}", bank.otpKey)
    policy.writeText(source + keys)
    type("policy", "sign", "policy", "policy.yaml", "--keys", "owners")
    type("policy", "publish", "policy", "--keys", "owners")
    val config = File(folder, "gateway/attest.toml")
    config.writeText(config.readText().replace("file = \"policy.yaml\"", "repository = \"../policy/repository\"\nroot = \"../policy/root.json\""))
    told.typed("attest gateway run --config gateway/attest.toml &")
    start()
  }

  /** The gateway, where it was and with what it kept. */
  fun start() {
    val started = process("gateway", "run", "--config", "gateway/attest.toml").start()
    gateway = started
    // One line, once it serves.
    check(started.inputStream.bufferedReader().readLine() != null) { "no gateway: ${log()}" }
  }

  /** Its address then refuses connections. */
  fun stop() {
    gateway?.destroyForcibly()?.waitFor()
  }

  private val policy get() = File(folder, "policy.yaml")

  /** Edits the policy, signs it together with the way back, and has the gateway take it. */
  fun publish(vararg changes: Change) {
    for (change in changes) {
      val before = policy.readText()
      check(before.contains(change.from)) { "the policy does not say: ${change.from}" }
      policy.writeText(before.replace(change.from, change.to))
    }
    told.edited("policy.yaml", changes)
    type("policy", "sign", "policy", "policy.yaml", "--keys", "owners", "--with-undo")
    told.printed(pushed("publish"))
  }

  /** Takes the last policy back. */
  fun undo() = told.printed(pushed("undo"))

  /** What a support code says, in the groups that it is read in. */
  fun explain(code: String) = told.printed(type("explain", *code.split(" ").toTypedArray(), "--config", "gateway/attest.toml"))

  private fun pushed(what: String) = type("policy", what, "policy", "--keys", "owners", "--admin", admin, "--token-file", "gateway/admin.token")

  /** Runs a command to its end, which must be a good one; what it prints. */
  private fun type(vararg arguments: String, more: String = ""): String {
    told.typed("attest ${arguments.joinToString(" ")}$more")
    val printed = File(folder, "printed")
    val ended = process(*arguments).redirectOutput(printed).start()
    check(ended.waitFor(PATIENCE_S, TimeUnit.SECONDS) && ended.exitValue() == 0) { "${arguments.toList()}: ${printed.readText()} ${log()}" }
    return printed.readText()
  }

  private fun process(vararg arguments: String) = ProcessBuilder(listOf(System.getProperty("attest.binary")) + arguments)
    .directory(folder)
    .apply { environment()["ATTEST_PASSPHRASE_FILE"] = "passphrase" }
    .redirectError(ProcessBuilder.Redirect.appendTo(File(folder, "log")))

  private fun log() = File(folder, "log").takeIf { it.exists() }?.readText().orEmpty()

  override fun close() {
    stop()
    folder.deleteRecursively()
  }

  /** An edit of the policy. */
  class Change(val from: String, val to: String)

  private companion object {
    const val PATIENCE_S = 60L
  }
}
