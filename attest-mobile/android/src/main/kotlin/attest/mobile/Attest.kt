package attest.mobile

import android.content.Context
import attest.mobile.ffi.Named
import attest.mobile.ffi.Reply
import attest.mobile.ffi.Request
import attest.mobile.host.Journal
import attest.mobile.host.Platform
import java.net.HttpURLConnection
import java.util.concurrent.atomic.AtomicReference
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import attest.mobile.ffi.Attest as NativeAttest
import attest.mobile.ffi.AttestException as NativeException

/**
 * Answers one question for your backend: is this request coming from the genuine app, on a device that you accept, right now. One per process.
 *
 * All calls may be made on any thread, the main thread too: what takes time runs elsewhere. Those that suspend can be cancelled, which changes nothing
 * for others. Every failure is an [AttestException].
 */
class Attest private constructor(private val config: AttestConfig, private val journal: Journal) : AutoCloseable {
  private val engine = CompletableDeferred<Engine>()
  @Volatile private var closed = false

  /**
   * Completes once there is a session, so that the first request need not wait for one. Calling it is not necessary.
   *
   * @throws AttestException if there is none within the configured patience.
   */
  suspend fun ready() = native { it.ready() }

  /**
   * The headers that [request] has to carry: none where the policy asks for no token. With a session this takes microseconds, otherwise it waits for
   * the one enrolment or renewal that is under way.
   *
   * @throws AttestException if there is no token to be had for it.
   */
  suspend fun authorize(request: AttestRequest): Authorization =
    tryAuthorize(request) ?: native { Authorization(it.authorize(request.native())) }

  /** The headers that [request] has to carry, if they can be had without waiting and without the device key; otherwise null. */
  fun tryAuthorize(request: AttestRequest): Authorization? =
    running()?.let { running -> unlessDestroyed { running.tryAuthorize(request.native()) } }?.let(::Authorization)

  /**
   * What the reply to a request means: whether to send it once more, and with which headers. Call it with each reply of the protected API that was
   * sent with [sent]. It follows a refusal as the gateway asks, with the user's confirmation if need be, at most twice for a request.
   *
   * @throws AttestException above all [AttestException.StepUpDeclined].
   */
  suspend fun follow(request: AttestRequest, sent: Authorization, reply: AttestReply): Followed = native { native ->
    val headers = reply.headers.map { (name, value) -> Named(name, value) }
    val followed = native.follow(request.native(), sent.native, Reply(reply.status.toUShort(), headers, reply.body))
    val refusal = followed.refusal?.let { Refusal(it.code, it.title, it.status.toInt(), it.retry, it.support) }
    Followed(followed.again?.let(::Authorization), refusal)
  }

  /**
   * Forgets the registration, the session and the device key, as after a new installation. The next request enrols anew.
   *
   * @throws AttestException.TryLater if key or files could not be removed; in memory they are gone.
   */
  suspend fun forget() = native { it.forget() }

  /**
   * Tells the SDK that the network may be back, so that it does not rest any longer. Only for apps without the permission `ACCESS_NETWORK_STATE`, which
   * notice it in some other way: with it, the SDK hears of it by itself.
   */
  fun connectivityRestored() {
    running()?.let { running -> unlessDestroyed { running.connectivityRestored() } }
  }

  /** What the phone is now. */
  fun status(): AttestStatus {
    val status = running()?.let { running -> unlessDestroyed { running.status() } } ?: return AttestStatus(started = false)
    return AttestStatus(
      started = true,
      enrolled = status.enrolled,
      device = status.device,
      policyVersion = status.policyVersion?.toLong(),
      policyIsStale = status.policyIsStale,
      sessionEndsInS = status.sessionEndsInS?.toLong(),
      sessions = status.sessions.toLong(),
      findings = status.findings.map { AttestStatus.Finding(it.id, it.outcome) },
      serverTimeS = status.serverTimeS.toLong(),
    )
  }

  /** The same and more as text, for your support. No token, key or challenge is in it. */
  fun diagnostics(): String {
    val native = running()?.let { running -> unlessDestroyed { running.diagnostics() } }
    val own = listOf("android library: ${if (closed) "closed" else if (native == null) "not started" else "started"}") + journal.lines()
    return own.joinToString("\n", postfix = "\n") + native.orEmpty()
  }

  /** Authorises the requests of an OkHttp client: `OkHttpClient.Builder().addInterceptor(attest.interceptor())`. Add it last. */
  fun interceptor(): AttestInterceptor = AttestInterceptor(this)

  /**
   * Sends a request by `HttpURLConnection`, for apps without OkHttp: authorised, and repeated where a refusal asks for it. It blocks and is not to be
   * called on the main thread. [prepare] sets time-outs and headers, at each sending; the request's `Authorization` is set already.
   *
   * @throws AttestException if there is no token to be had.
   * @throws java.io.IOException if it cannot be sent, or [AttestRequest.url] is none of `http` or `https`.
   */
  fun send(request: AttestRequest, prepare: HttpURLConnection.() -> Unit = {}): AttestSent = UrlSender(this, request, prepare).send()

  /**
   * Ends all work and gives back what it held. Later calls, and those that wait, are answered [AttestException.Misconfigured] with code `stopped`.
   * Doing it twice changes nothing. An app that is attested for as long as it runs need not call it.
   */
  override fun close() {
    synchronized(engine) {
      if (closed) return
      closed = true
    }
    engine.completeExceptionally(stopped())
    engineOrNull()?.close()
    open.compareAndSet(this, null)
  }

  private fun begin(context: Context, platform: (Context, AttestConfig, Journal) -> Platform) {
    val begun = runCatching {
      // One after the other: the one before may still be on its way to its end.
      synchronized(open) {
        if (closed) throw stopped()
        Engine.Start(context, config, platform(context, config, journal), journal).run()
      }
    }
    begun.onFailure { engine.completeExceptionally(it) }
    begun.onSuccess { started ->
      val kept = synchronized(engine) { !closed && engine.complete(started) }
      if (!kept) started.close()
    }
  }

  private fun running(): NativeAttest? = if (closed) null else engineOrNull()?.native

  @OptIn(ExperimentalCoroutinesApi::class)
  private fun engineOrNull() = if (engine.isCompleted && engine.getCompletionExceptionOrNull() == null) engine.getCompleted() else null

  private suspend fun <T> native(call: suspend (NativeAttest) -> T): T = withContext(Dispatchers.Default) {
    val started = withTimeoutOrNull(config.patienceMs) { engine.await() } ?: throw AttestException.TryLater("starting", 0)
    if (closed) throw stopped()
    try {
      call(started.native)
    } catch (failure: NativeException) {
      throw failure.public()
    } catch (failure: CancellationException) {
      throw failure
    } catch (failure: AttestException) {
      throw failure
    } catch (failure: Exception) {
      if (closed) throw stopped()
      journal.note("internal", failure.javaClass.simpleName)
      throw AttestException.TryLater("internal", 0)
    }
  }

  private fun <T> unlessDestroyed(call: () -> T): T? =
    try {
      call()
    } catch (_: IllegalStateException) {
      null
    }

  private fun AttestRequest.native() = Request(method, url, body, authorization)

  companion object {
    private val open = AtomicReference<Attest?>()

    /**
     * Starts the SDK and returns at once; enrolment goes on in the background, and calls wait for it. Call it once, in `Application.onCreate`.
     *
     * In a process without the app's files, such as the SDK's own isolated one, in which Android runs `Application.onCreate` too, it does nothing.
     *
     * @throws AttestException.Misconfigured if [config] cannot work, as far as that is seen at once. What only shows later is the answer to each call, and
     *   a line of the debug log.
     * @throws IllegalStateException if one is open already: two would fight over the device key.
     */
    @JvmStatic
    fun start(context: Context, config: AttestConfig): Attest = start(context, config, ::Platform)

    internal fun start(context: Context, config: AttestConfig, platform: (Context, AttestConfig, Journal) -> Platform): Attest {
      config.fault()?.let { throw AttestException.Misconfigured(it) }
      val journal = Journal(config.debugLog)
      val attest = Attest(config, journal)
      check(open.compareAndSet(null, attest)) { "an Attest is open already in this process; close() it first" }
      val application = context.applicationContext ?: context
      Thread({ attest.begin(application, platform) }, "attest-start").apply { isDaemon = true }.start()
      return attest
    }

    private fun stopped() = AttestException.Misconfigured("stopped")
  }
}
