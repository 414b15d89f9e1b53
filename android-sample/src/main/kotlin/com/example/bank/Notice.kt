package com.example.bank

import attest.mobile.AttestException
import attest.mobile.AttestIOException
import attest.mobile.Refusal
import java.io.IOException

/**
 * What a customer is told when something did not work. Codes are for logs and never in it, but for the support code: the customer reads it to
 * the bank, whose operator opens it with `attest explain`.
 */
sealed class Notice(val text: String) {
  data object NoConnection : Notice("There is no connection. Please look at your network and try again.")

  class TryLater(afterS: Long) : Notice(if (afterS > 0) "Please try again in $afterS seconds." else "Please try again later.")

  data object UpdateApp : Notice("Please update the app to go on.")

  /** In groups, as people read aloud; `attest explain` takes it so. */
  class CallUs(supportCode: String) :
    Notice("We cannot do this on this phone. Call us on 0800 123 456 and read this support code to us: ${supportCode.chunked(4).joinToString(" ")}")

  data object NotConfirmed : Notice("You did not confirm. Nothing was done.")

  /** A mistake in this app; its developers find the code in the log. */
  data object OurFault : Notice("Something in this app is wrong. Please tell us.")

  /** The bank itself said no. */
  class Rejected(status: Int) : Notice("The bank did not accept this ($status).")

  companion object {
    /** No reply came. */
    fun of(failure: IOException): Notice = if (failure is AttestIOException) of(failure.attest) else NoConnection

    fun of(failure: AttestException): Notice = when (failure) {
      is AttestException.Offline -> NoConnection
      is AttestException.TryLater -> TryLater((failure.afterMs + 999) / 1000)
      is AttestException.UpdateApp -> UpdateApp
      is AttestException.Refused -> CallUs(failure.support)
      is AttestException.StepUpDeclined -> NotConfirmed
      is AttestException.Misconfigured -> OurFault
    }

    /** The gateway refused this request, and what the SDK could do about it did not help. */
    fun of(refusal: Refusal, retryAfterS: Long?): Notice = when (refusal.retry) {
      "later" -> TryLater(retryAfterS ?: 0)
      "step-up" -> NotConfirmed
      else -> CallUs(refusal.support)
    }
  }
}
