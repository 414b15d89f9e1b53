package attest.mobile.host

import attest.mobile.StepUp
import attest.mobile.StepUpHandler
import attest.mobile.ffi.StepUpPrompt
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.cancel
import kotlinx.coroutines.runBlocking

/** Brings step-ups to the app's handler, in the background, and takes them back when the SDK is closed. */
internal class Prompt(private val handler: StepUpHandler?, private val notice: (code: String, text: String) -> Unit) : StepUpPrompt {
  private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)

  override fun complete(stepUp: attest.mobile.ffi.StepUp): String? {
    val asked = handler ?: return null
    return try {
      runBlocking { scope.async { asked.complete(StepUp(stepUp.id, stepUp.issuer)) }.await() }
    } catch (failure: Exception) {
      notice("step-up-failed", "the app's handler ended with ${failure.javaClass.simpleName}; that is taken for declined")
      null
    }
  }

  fun close() = scope.cancel()
}
