package attest.mobile

/**
 * A confirmation by the user that a rule asks for.
 *
 * @param id names this request towards the issuer, and goes into what it signs.
 * @param issuer who confirms: the `iss` that the policy expects, such as `https://otp.bank.example`.
 */
data class StepUp(val id: String, val issuer: String?)

/**
 * Lets the user confirm a request with the issuer that the policy names: a one-time code, another app, the bank's own dialogue.
 *
 * It is called on a thread in the background, may take as long as the user does, and is cancelled by [Attest.close]. Return the JWS that the
 * issuer signed, or null if the user declined; an exception counts as declined.
 */
fun interface StepUpHandler {
  suspend fun complete(stepUp: StepUp): String?
}
