package attest.mobile

import android.app.Application
import android.content.Context
import attest.mobile.ffi.Config
import attest.mobile.host.Hosts
import attest.mobile.host.IsolatedProcess
import attest.mobile.host.Journal
import attest.mobile.host.Platform
import attest.mobile.host.PlatformEvents
import attest.mobile.host.ProcessLock
import attest.mobile.host.Prompt
import attest.mobile.host.Variables
import java.util.concurrent.Executor
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit
import attest.mobile.ffi.Attest as NativeAttest
import attest.mobile.ffi.AttestException as NativeException
import attest.mobile.ffi.Environment as NativeEnvironment
import attest.mobile.ffi.Platform as NativePlatform

/** The running native library with everything around it that has to be ended with it. Made on a thread in the background. */
internal class Engine private constructor(val native: NativeAttest, private val ends: List<() -> Unit>) {
  /** Ends all work. It waits for nothing; calls that do are answered `stopped`. */
  fun close() = ends.asReversed().forEach { it() }

  /** Makes an [Engine], step by step; what was begun is ended if a later step fails. */
  internal class Start(private val context: Context, private val config: AttestConfig, private val platform: Platform, private val journal: Journal) {
    private val ends = mutableListOf<() -> Unit>()

    /** @throws AttestException if it cannot run: always [AttestException.Misconfigured] or [AttestException.TryLater]. */
    fun run(): Engine =
      try {
        begin()
      } catch (failure: Throwable) {
        ends.asReversed().forEach { it() }
        throw public(failure)
      }

    private fun begin(): Engine {
      if (Platform.isIsolated()) throw AttestException.Misconfigured("isolated-process")
      val lock = ProcessLock.of(platform.folder()) ?: throw AttestException.Misconfigured("second-process")
      ends += lock::close
      Native.load()
      if (!Native.begin(context)) journal.note("java-refused", "the platform refused; detectors that ask Java are inconclusive")
      val native = native()
      watch(native)
      return Engine(native, ends)
    }

    private fun native(): NativeAttest {
      val storage = platform.storage()
      val prompt = Prompt(config.stepUp, journal::note)
      ends += prompt::close
      val hosts = Hosts(platform.transport(), platform.key(storage), storage, platform.clock(), journal, prompt).contained()
      val native = NativeAttest.start(native(config), hosts.transport, hosts.key, hosts.storage, hosts.observer, hosts.stepUp, hosts.clock)
      ends += native::destroy
      ends += native::stop
      return native
    }

    private fun watch(native: NativeAttest) {
      val elsewhere = elsewhere()
      (context as? Application)?.let {
        ends += PlatformEvents(it, elsewhere, native::resumed, native::connectivityRestored).watch()
      }
      if (config.isolatedProcess) {
        val process = IsolatedProcess(context, elsewhere, Native::connect, journal::note)
        process.open()
        ends += process::close
      }
    }

    private fun native(config: AttestConfig) = Config(
      serviceUrl = config.serviceUrl,
      app = config.app,
      appVersion = config.appVersion ?: ownVersion(),
      platform = NativePlatform.ANDROID,
      environment = when (config.environment) {
        Environment.Production -> NativeEnvironment.PRODUCTION
        Environment.Development -> NativeEnvironment.DEVELOPMENT
      },
      policyRoot = policyRoot(),
      origins = config.origins,
      tokenByDefault = config.tokenByDefault,
      callTimeoutMs = config.callTimeoutMs.toULong(),
      patienceMs = config.patienceMs.toULong(),
      rideOutMs = config.rideOutMs.toULong(),
      variables = Variables.of(context),
    )

    /** The app's own code, or a resource that is not there. */
    private fun policyRoot(): ByteArray =
      try {
        config.policyRoot.read(context)
      } catch (failure: Exception) {
        journal.note("policy-root-unread", "it cannot be read: ${failure.javaClass.simpleName}")
        throw AttestException.Misconfigured("config-policy-root")
      }

    private fun ownVersion() = context.packageManager.getPackageInfo(context.packageName, 0).versionName.orEmpty()

    private fun public(failure: Throwable): AttestException {
      val public = when (failure) {
        is AttestException -> failure
        is NativeException -> failure.public()
        is LinkageError -> AttestException.Misconfigured("library-missing")
        is OutOfMemoryError -> AttestException.TryLater("out-of-memory", 0)
        else -> AttestException.Misconfigured("start-failed")
      }
      journal.note("start-failed", "${public.code}: ${failure.javaClass.simpleName} ${failure.message.orEmpty()}")
      return public
    }
  }

  private companion object {
    /** One thread that goes when there is nothing to do, and never lets more than a few things wait. */
    fun elsewhere(): Executor =
      ThreadPoolExecutor(1, 1, 5, TimeUnit.SECONDS, LinkedBlockingQueue(EVENTS_MAX), { Thread(it, "attest-events").apply { isDaemon = true } }) { _, _ -> }
        .apply { allowCoreThreadTimeOut(true) }

    const val EVENTS_MAX = 64
  }
}

/** The same failure by the name that apps know. */
internal fun NativeException.public(): AttestException = when (this) {
  is NativeException.Offline -> AttestException.Offline(code)
  is NativeException.TryLater -> AttestException.TryLater(code, afterMs.coerceAtMost(Long.MAX_VALUE.toULong()).toLong())
  is NativeException.UpdateApp -> AttestException.UpdateApp()
  is NativeException.Refused -> AttestException.Refused(code, support)
  is NativeException.StepUpDeclined -> AttestException.StepUpDeclined()
  is NativeException.Misconfigured -> AttestException.Misconfigured(code)
}
