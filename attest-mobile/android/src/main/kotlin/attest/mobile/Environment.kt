package attest.mobile

/** What the app is built for. A gateway of the other environment refuses the app before it looks at anything else. */
enum class Environment { Production, Development }
