package attest.mobile

import java.net.URI
import java.net.URISyntaxException

/**
 * An app's configuration.
 *
 * @param serviceUrl URL of the attestation service, such as `https://api.bank.example/.attest/v1`.
 * @param app the app's id in the gateway's policy.
 * @param policyRoot the first root of the policy repository, see [PolicyRoot].
 * @param appVersion the app's version; null: the version name of its package.
 * @param environment what the app is built for.
 * @param origins origins of the protected API. Empty: those that the policy names.
 * @param tokenByDefault mint a token also where the policy names the origin and no route of it matches.
 * @param qaIdentity enrol with a key in software, for emulators and continuous integration. Only in [Environment.Development]; gateways of
 *   production refuse it, whatever their policy says.
 * @param stepUp lets the user confirm where a rule asks for it. Null: declined.
 * @param playIntegrity fetches Play Integrity tokens, where the policy asks for them.
 * @param debugLog hears each step.
 * @param isolatedProcess ask some questions also from a process of the app in which nobody else's code runs.
 * @param callTimeoutMs how long one call of the service, the key or the storage may take, milliseconds.
 * @param patienceMs how long a request waits for a session, milliseconds.
 * @param rideOutMs a request waits out failures that pass within this time, milliseconds.
 */
class AttestConfig @JvmOverloads constructor(
  val serviceUrl: String,
  val app: String,
  val policyRoot: PolicyRoot,
  val appVersion: String? = null,
  val environment: Environment = Environment.Production,
  val origins: List<String> = emptyList(),
  val tokenByDefault: Boolean = false,
  val qaIdentity: Boolean = false,
  val stepUp: StepUpHandler? = null,
  val playIntegrity: PlayIntegrity? = null,
  val debugLog: DebugLog? = null,
  val isolatedProcess: Boolean = true,
  val callTimeoutMs: Long = 15_000,
  val patienceMs: Long = 30_000,
  val rideOutMs: Long = 2_000,
) {
  /** The code of the first thing that cannot work, as far as it can be seen without the native library. */
  internal fun fault(): String? {
    val service = uri(serviceUrl)
    return when {
      service == null || service.rawQuery != null || service.rawFragment != null -> "config-service-url"
      qaIdentity && environment != Environment.Development -> "config-qa-identity"
      environment == Environment.Production && (service.isPlain() || origins.any { uri(it)?.isPlain() == true }) -> "config-plain-http"
      app.toByteArray().size !in NAME_BYTES -> "config-app"
      appVersion != null && appVersion.toByteArray().size !in NAME_BYTES -> "config-app-version"
      origins.any { uri(it) == null } -> "config-origin"
      listOf(callTimeoutMs, patienceMs, rideOutMs).any { it !in BOUND_MS } -> "config-bound"
      else -> null
    }
  }

  private fun uri(text: String): URI? =
    try {
      URI(text).takeIf { it.host != null && (it.scheme.equals("https", true) || it.isPlain()) }
    } catch (_: URISyntaxException) {
      null
    }

  private fun URI.isPlain() = scheme.equals("http", true)

  private companion object {
    val NAME_BYTES = 1..128
    val BOUND_MS = 1L..3_600_000L
  }
}
