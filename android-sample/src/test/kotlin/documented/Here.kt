package documented

/** Where the test's gateway is. */
object Here {
  lateinit var origin: String
}

/** As the Android build makes it. */
object R {
  object raw {
    const val policy_root = 0x7f010000
  }
}
