package attest.mobile

/**
 * What the phone is now, for display and support. It holds no secret.
 *
 * @param started whether the native library runs; until then everything else is empty.
 * @param enrolled whether there is a registration.
 * @param device its random id. Not for logs.
 * @param policyVersion version of the device policy in force.
 * @param policyIsStale whether that policy has certainly expired. It stays in force.
 * @param sessionEndsInS seconds until the session ends, by the service's clock; null without a session.
 * @param sessions how many sessions began in this process.
 * @param findings what detectors concluded last, those that are clear left out.
 * @param serverTimeS the service's time as the phone knows it, Unix seconds.
 */
data class AttestStatus(
  val started: Boolean,
  val enrolled: Boolean = false,
  val device: String? = null,
  val policyVersion: Long? = null,
  val policyIsStale: Boolean = false,
  val sessionEndsInS: Long? = null,
  val sessions: Long = 0,
  val findings: List<Finding> = emptyList(),
  val serverTimeS: Long = 0,
) {
  /** A detector's id, and `hit` or `inconclusive`. */
  data class Finding(val id: String, val outcome: String)
}
