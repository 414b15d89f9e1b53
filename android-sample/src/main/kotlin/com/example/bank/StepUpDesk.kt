package com.example.bank

import attest.mobile.StepUp
import attest.mobile.StepUpHandler
import java.io.IOException
import java.util.concurrent.atomic.AtomicReference
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/**
 * Completes step-ups by a code that the bank sends to the customer: the SDK calls [complete] in the background and waits, [StepUpScreen] says what
 * the customer typed. One at a time.
 *
 * @param ask brings the screen up.
 */
class StepUpDesk(private val ask: () -> Unit, private val bank: () -> BankClient) : StepUpHandler {
  private val turn = Mutex()
  private val open = AtomicReference<CompletableDeferred<String?>?>()

  override suspend fun complete(stepUp: StepUp): String? = turn.withLock {
    try {
      if (!bank().sendCode(stepUp.id)) return null
      val typed = CompletableDeferred<String?>()
      open.set(typed)
      ask()
      typed.await()?.let { bank().complete(stepUp.id, it) }
    } catch (_: IOException) {
      null
    } finally {
      open.set(null)
    }
  }

  /** The customer's code; null if they went back. */
  fun typed(code: String?) {
    open.getAndSet(null)?.complete(code)
  }
}
