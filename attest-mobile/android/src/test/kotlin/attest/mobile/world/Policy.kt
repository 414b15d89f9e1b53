package attest.mobile.world

/** What differs between the contract tests' policies. */
internal data class Policy(
  val version: Int = 1,
  val sessionLifetimeS: Int = 900,
  val balanceMinPolicy: Int = 0,
  val detectors: String = "",
  val keyLevelMin: String = "software",
  val anchors: String = "",
) {
  fun source(origin: String, otpKey: String): String = listOf(
    "version" to version,
    "origin" to origin,
    "session_lifetime_s" to sessionLifetimeS,
    "balance_min_policy" to balanceMinPolicy,
    "detectors" to detectors,
    "key_level_min" to keyLevelMin,
    "anchors" to anchors,
    "otp_key" to otpKey,
  ).fold(TEMPLATE) { text, (name, value) -> text.replace("{$name}", value.toString()) }

  private companion object {
    val TEMPLATE = checkNotNull(Policy::class.java.getResource("/contract/policy.yaml")).readText()
  }
}
