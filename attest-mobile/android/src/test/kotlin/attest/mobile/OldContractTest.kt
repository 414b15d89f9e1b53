package attest.mobile

import attest.mobile.world.PlayedAttestation
import attest.mobile.world.PlayedKeystore
import attest.mobile.world.Policy
import java.util.concurrent.Callable
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody.Companion.toRequestBody
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowProcess

/**
 * The whole SDK on the framework of Android 7.0: its own transport, key, storage, events and variables, which ask for the version where a later one
 * has another API. Java's own classes are this computer's; that none of them is too new is Maven's to find (animal-sniffer).
 */
@Config(sdk = [24], manifest = Config.NONE)
class OldContractTest : Contract() {
  private val notices = CopyOnWriteArrayList<String>()

  @Test
  fun enrolsAndIsAuthorized() {
    val attestation = PlayedAttestation()
    val gateway = gateway(policy = Policy(keyLevelMin = "hardware", anchors = attestation.anchors))
    val config = AttestConfig(
      gateway.service, "bank-android", PolicyRoot.of(gateway.root), appVersion = "4.2.0", environment = Environment.Development, patienceMs = 60_000,
      debugLog = { code, text -> notices += "$code: $text" },
    )
    PlayedKeystore(attestation).use {
      Attest.start(RuntimeEnvironment.getApplication(), config).use { attest ->
        elsewhere { assertEquals(200, attest.send(AttestRequest("GET", "${gateway.origin}/v1/balance")).status) }
        elsewhere { assertEquals(200, paid(attest, "${gateway.origin}/v1/payments")) }
        assertTrue(attest.diagnostics(), attest.status().enrolled)
      }
      // Another start of the app finds what the first one kept.
      Attest.start(RuntimeEnvironment.getApplication(), config).use { attest ->
        elsewhere { assertEquals(200, attest.send(AttestRequest("GET", "${gateway.origin}/v1/balance")).status) }
      }
      assertEquals(1, it.specs.size)
    }
    val failures = listOf("java-refused", "start-failed", "not-stored", "key-failed", "internal")
    assertEquals("$notices", emptyList<String>(), notices.filter { notice -> failures.any(notice::startsWith) })
  }

  @Test
  fun inTheIsolatedProcessNothingStarts() {
    ShadowProcess.setUid(1_099_001)
    val phone = phone(gateway()).apply { start() }
    assertEquals("isolated-process", fails<AttestException.Misconfigured> { phone.ready() }.code)
  }

  private fun paid(attest: Attest, url: String): Int {
    val client = OkHttpClient.Builder().addInterceptor(attest.interceptor()).build()
    return client.newCall(Request.Builder().url(url).post("{}".toRequestBody()).build()).execute().use { it.code }
  }

  private fun elsewhere(call: () -> Unit) {
    val thread = Executors.newSingleThreadExecutor()
    try {
      thread.submit(Callable { call() }).get(120, TimeUnit.SECONDS)
    } finally {
      thread.shutdown()
    }
  }
}
