package attest.mobile

/**
 * Fetches a Play Integrity token, for policies that ask for one. The SDK does not depend on Google's library: the app calls it here.
 *
 * @see <a href="https://developer.android.com/google/play/integrity/standard">Google's documentation of standard requests</a>
 */
fun interface PlayIntegrity {
  /**
   * A token for this request hash, or null if there is none. Called on a thread in the background at each enrolment and renewal, and given up
   * shortly before the call's time is over: the phone then enrols without, and the policy decides.
   */
  suspend fun token(requestHash: String): String?
}
