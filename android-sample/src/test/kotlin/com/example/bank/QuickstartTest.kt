package com.example.bank

import android.app.Application
import android.content.Context
import android.content.ContextWrapper
import android.content.res.Resources
import com.example.bank.world.BankServer
import com.example.bank.world.Ports
import documented.Here
import documented.block1.App
import documented.block1.balance
import java.io.File
import java.io.InputStream
import java.net.HttpURLConnection
import java.net.URL
import java.nio.file.Files
import java.util.concurrent.FutureTask
import java.util.concurrent.TimeUnit
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import org.robolectric.shadows.ShadowLog
import org.robolectric.util.ReflectionHelpers
import org.robolectric.util.ReflectionHelpers.ClassParameter

/** Follows the quickstart of docs/android.md to the letter: its commands, its app, its request. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = [35], manifest = Config.NONE)
class QuickstartTest {
  private val document = File("../docs/android.md").readText()
  private val folder = Files.createTempDirectory("attest-quickstart").toFile()
  private val bank = BankServer()
  private var gateway: Process? = null
  private var app: App? = null

  /** The commands of its blocks, one a line; only the ports are others. */
  private val commands by lazy {
    val blocks = Regex("(?ms)^```sh\n(.*?)^```").findAll(document).joinToString("") { it.groupValues[1] }
    blocks.replace("127.0.0.1:8080", Here.origin.removePrefix("http://")).replace("http://127.0.0.1:9000", bank.url).trim().lines()
  }

  @Test
  fun worksAsItSays() {
    Here.origin = "http://127.0.0.1:${Ports.two()}"
    val (init, copy, run) = commands
    assertEquals(0, command(init).start().waitFor())
    edit(document.substringAfter("```diff ").substringBefore("\n```").lines())
    gateway = command(run).start().also { checkNotNull(it.inputStream.bufferedReader().readLine()) }
    val started = started(root = File(folder, copy.split(" ")[1]).readBytes())
    val status = elsewhere { balance(started) }
    assertEquals(started.attest.diagnostics() + started.attest.status(), 200, status)
    assertEquals(listOf("GET /v1/balance"), bank.reached.toList())
    assertEquals(401, elsewhere { (URL("${Here.origin}/v1/balance").openConnection() as HttpURLConnection).responseCode })
    assertEquals(1, bank.reached.size)
    val log = ShadowLog.getLogsForTag("attest").map { it.msg.anyNumbers() }
    val said = document.substringAfter("```text\n").substringBefore("\n```").lines().map { it.anyNumbers() }
    assertTrue("$log is not $said", log.containsAll(said))
  }

  /** As far as they do not depend on the machine. */
  private fun String.anyNumbers() = replace(Regex("\\d+"), "N")

  /** The file's name, then lines that go, and lines that come in place of the one before. */
  private fun edit(diff: List<String>) {
    val file = File(folder, diff.first())
    // No phone has code in /tmp; this virtual machine has, and is taken for one that is hooked.
    var text = replaced(file.readText(), "- use: android/hook", "- {use: android/hook, off: [hook.code_from_tmp]}")
    for ((gone, come) in diff.drop(1).filter { it != "@@" }.chunked(2)) {
      assertTrue("a line that goes, and one that comes: $gone", gone.startsWith("-") && come.startsWith("+"))
      text = replaced(text, gone.drop(1), come.drop(1))
    }
    file.writeText(text)
  }

  private fun replaced(text: String, gone: String, come: String): String {
    assertTrue("it does not say: $gone", gone in text)
    return text.replace(gone, come)
  }

  /** As Android starts it, with the root among its resources. */
  private fun started(root: ByteArray): App {
    val base = RuntimeEnvironment.getApplication()
    shadowOf(base.packageManager).getInternalMutablePackageInfo(base.packageName).versionName = "1.0"
    val app = App().also { this.app = it }
    val context = object : ContextWrapper(base) {
      override fun getApplicationContext(): Context = app
      override fun getResources(): Resources = Resources(root, base.resources)
    }
    ReflectionHelpers.callInstanceMethod<Unit>(Application::class.java, app, "attach", ClassParameter.from(Context::class.java, context))
    app.onCreate()
    return app
  }

  @Suppress("DEPRECATION")
  private class Resources(private val root: ByteArray, real: android.content.res.Resources) :
    android.content.res.Resources(real.assets, real.displayMetrics, real.configuration) {
    override fun openRawResource(id: Int): InputStream = if (id == documented.R.raw.policy_root) root.inputStream() else super.openRawResource(id)
  }

  private fun <T> elsewhere(work: () -> T): T {
    val task = FutureTask(work)
    Thread(task).start()
    return task.get(60, TimeUnit.SECONDS)
  }

  private fun command(line: String): ProcessBuilder {
    val (program, arguments) = line.split(" ").let { it.first() to it.drop(1) }
    assertEquals("attest", program)
    return ProcessBuilder(listOf(System.getProperty("attest.binary")) + arguments).directory(folder).redirectError(File(folder, "log"))
  }

  @After
  fun close() {
    app?.attest?.close()
    gateway?.destroyForcibly()?.waitFor()
    bank.close()
    folder.deleteRecursively()
  }
}
