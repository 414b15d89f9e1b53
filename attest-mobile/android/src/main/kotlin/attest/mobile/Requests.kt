package attest.mobile

import attest.mobile.ffi.Authorization as NativeAuthorization

/**
 * A request that the app is about to send.
 *
 * @param method in the spelling that is sent.
 * @param url absolute, exactly as it is sent.
 * @param body all of it; empty if there is none.
 * @param authorization the value of `Authorization`, if the request carries one.
 */
class AttestRequest @JvmOverloads constructor(
  val method: String,
  val url: String,
  val body: ByteArray = NO_BYTES,
  val authorization: String? = null,
)

/** What a request gets to carry. Good for that one request, sent once. */
class Authorization internal constructor(internal val native: NativeAuthorization) {
  /** Headers to set, in lower case; empty where the policy asks for no token, and for origins that are none of its business. */
  val headers: Map<String, String> = native.headers.associate { it.name to it.value }
}

/**
 * The reply to a request of the app. The body only matters from status 400 on, and at most 64 KiB of it.
 */
class AttestReply @JvmOverloads constructor(
  val status: Int,
  val headers: List<Pair<String, String>>,
  val body: ByteArray = NO_BYTES,
)

/** How a request goes on after a reply. */
class Followed internal constructor(
  /** Send the request once more, with these headers in place of the ones before. Null: the reply stands. */
  val again: Authorization?,
  /** The refusal that the reply is, if it is one. */
  val refusal: Refusal?,
)

/**
 * A gateway's refusal of the app's own request.
 *
 * @param code a stable word, such as `denied`.
 * @param title a sentence for developers.
 * @param status the HTTP status.
 * @param retry what the SDK did or would do about it: `none`, `fresh-token`, `stronger-token`, `renew`, `enroll`, `refresh-policy`, `step-up`
 *   or `later`.
 * @param support the support code: show it to the user, who reads it to your support. Only the operator can open it.
 */
data class Refusal(val code: String, val title: String, val status: Int, val retry: String, val support: String)

internal val NO_BYTES = ByteArray(0)
