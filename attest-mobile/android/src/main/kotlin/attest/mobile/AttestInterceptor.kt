package attest.mobile

import java.io.IOException
import okhttp3.Interceptor
import okhttp3.Request
import okhttp3.Response

/**
 * Authorises an OkHttp client's requests and follows refusals: a request that was refused for want of a fresher or stronger token, or until the user
 * confirmed, is sent again, at most twice. Add it last, so that what it binds is what is sent. A refusal that stands is the reply itself:
 * [attestRefusal] reads it.
 *
 * Bodies of up to [bodyBytesMax] are kept in memory for that. Larger ones, duplex ones, and those that can be written once and do not tell their length
 * stream: they are authorised as if there were no body, which suffices where the policy binds none, and are not sent again.
 *
 * If the API redirects to other hosts, add it also as network interceptor, *beside* the above: there it takes the token off what goes elsewhere.
 *
 * Without a token, [AttestIOException] is thrown in place of the reply; requests to other origins just pass.
 */
class AttestInterceptor internal constructor(private val attest: Attest, private val bodyBytesMax: Long = BODY_BYTES_MAX) : Interceptor {
  @Throws(IOException::class)
  override fun intercept(chain: Interceptor.Chain): Response {
    val request = chain.request()
    // Only network interceptors see a connection.
    if (chain.connection() != null) return chain.proceed(withoutForeignToken(request))
    val body = SentBody.of(request.body, bodyBytesMax)
    val known = AttestRequest(request.method, request.url.toString(), body.bytes, request.header("Authorization"))
    val waiting = CallWait(chain.call())
    var authorization = waiting.of { attest.authorize(known) }
    while (true) {
      val response = chain.proceed(authorized(request, body, authorization))
      val followed = try {
        if (response.code >= 400 && !body.isRepeatable) return response
        waiting.of { attest.follow(known, authorization, reply(response)) }
      } catch (failure: Throwable) {
        response.close()
        throw failure
      }
      authorization = followed.again ?: return followed.refusal?.let { response.carrying(it) } ?: response
      response.close()
    }
  }

  private fun authorized(request: Request, body: SentBody, authorization: Authorization): Request {
    if (authorization.headers.isEmpty() && body.isAsIs) return request
    val builder = request.newBuilder().method(request.method, body.toSend)
    for ((name, value) in authorization.headers) builder.header(name, value)
    return builder.tag(Minted::class.java, Minted(request.url, authorization.headers.keys)).build()
  }

  private fun withoutForeignToken(request: Request): Request {
    val minted = request.tag(Minted::class.java) ?: return request
    if (request.url == minted.url) return request
    return request.newBuilder().apply { minted.headers.forEach(::removeHeader) }.build()
  }

  private fun reply(response: Response): AttestReply {
    val headers = response.headers.toList()
    val body = if (isProblem(response.code, headers)) response.peekBody(PROBLEM_BYTES_MAX.toLong()).bytes() else NO_BYTES
    return AttestReply(response.code, headers, body)
  }

  private fun Response.carrying(refusal: Refusal) =
    newBuilder().request(request.newBuilder().tag(Refusal::class.java, refusal).build()).build()

  private class Minted(val url: okhttp3.HttpUrl, val headers: Set<String>)

  internal companion object {
    /** What gateways buffer by default where a route binds the body; a longer one is refused there anyway. */
    const val BODY_BYTES_MAX = 256L * 1024
  }
}

/** The gateway's refusal that this reply is, or null. For replies of a client with an [AttestInterceptor]. */
val Response.attestRefusal: Refusal?
  get() = request.tag(Refusal::class.java)

/** There is no token for the request, so it was not sent: [attest] says what to do. */
class AttestIOException(val attest: AttestException) : IOException(attest.message, attest)
