package com.example.bank

import attest.mobile.AttestException
import attest.mobile.AttestIOException
import attest.mobile.Refusal
import java.io.IOException
import org.junit.Assert.assertEquals
import org.junit.Test

/** What a customer reads in each case. */
class NoticeTest {
  private fun told(failure: AttestException) = Notice.of(AttestIOException(failure)).text

  private fun told(retry: String, retryAfterS: Long? = null) = Notice.of(Refusal("denied", "t", 403, retry, "ab12cd34"), retryAfterS).text

  @Test
  fun failuresSayWhatToDo() {
    assertEquals("There is no connection. Please look at your network and try again.", told(AttestException.Offline("transport-unreachable")))
    assertEquals("There is no connection. Please look at your network and try again.", Notice.of(IOException("reset")).text)
    assertEquals("Please try again in 2 seconds.", told(AttestException.TryLater("rate-limited", 1_001)))
    assertEquals("Please try again later.", told(AttestException.TryLater("starting", 0)))
    assertEquals("Please update the app to go on.", told(AttestException.UpdateApp()))
    assertEquals("You did not confirm. Nothing was done.", told(AttestException.StepUpDeclined()))
    assertEquals("Something in this app is wrong. Please tell us.", told(AttestException.Misconfigured("app-unknown")))
    val refused = "We cannot do this on this phone. Call us on 0800 123 456 and read this support code to us: ab12 cd34"
    assertEquals(refused, told(AttestException.Refused("evidence-refused", "ab12cd34")))
    assertEquals(refused, told("none"))
  }

  @Test
  fun refusalsThatStandFollowTheirRetryClass() {
    assertEquals("Please try again in 30 seconds.", told("later", 30))
    assertEquals("Please try again later.", told("later"))
    assertEquals("You did not confirm. Nothing was done.", told("step-up"))
    // The SDK followed these, and the gateway refused again: somebody has to look.
    for (followed in listOf("fresh-token", "stronger-token", "renew", "enroll", "refresh-policy")) {
      assertEquals(told("none"), told(followed))
    }
  }
}
