package attest.mobile

/**
 * Why there is no token, named by what the app should do. No other exception leaves the SDK's calls, but for the coroutine's own when it is
 * cancelled. `code` is stable, for logs; none of it is text for users, except that they may read a support code to you.
 */
sealed class AttestException(message: String) : Exception(message) {
  /** A stable word for logs. */
  abstract val code: String

  /** Say that there is no connection: the service was not reached, or somebody else answered in its place (a captive portal). */
  class Offline(override val code: String) : AttestException("the attestation service cannot be reached ($code)")

  /** Try again after [afterMs] milliseconds; zero if nothing is known about when. The SDK goes on trying by itself. */
  class TryLater(override val code: String, val afterMs: Long) : AttestException("try again in $afterMs ms ($code)")

  /** Ask for an update of the app: the policy needs a newer one. */
  class UpdateApp : AttestException("the policy needs a newer version of the app") {
    override val code get() = "update-app"
  }

  /** Show the support code: this device or app is not accepted. Only the operator can tell from it why. */
  class Refused(override val code: String, val support: String) : AttestException("refused ($code), support code $support")

  /** Go back: the user, or the app for them, did not confirm. */
  class StepUpDeclined : AttestException("the step-up was declined") {
    override val code get() = "step-up-declined"
  }

  /** Correct the app's configuration or request. Users cannot do anything about it. After [Attest.close] it is `stopped`. */
  class Misconfigured(override val code: String) : AttestException("the app or its request is misconfigured ($code)")
}
