package com.example.bank

import android.content.Context
import android.content.Intent

/** Asks for the code that the bank sent. The request that waits for it goes on by itself. */
class StepUpScreen : Screen() {
  private var isAnswered = false

  override fun build() {
    title("Please confirm")
    text("We sent a code to you. Type it in to go on.")
    val code = field("Code")
    button("Confirm") { answer(code.text.toString()) }
    button("Do not confirm") { answer(null) }
  }

  override fun onDestroy() {
    // Whoever goes back by the system's own way has not confirmed.
    if (!isAnswered && isFinishing) app.stepUps.typed(null)
    super.onDestroy()
  }

  private fun answer(code: String?) {
    isAnswered = true
    app.stepUps.typed(code)
    finish()
  }

  companion object {
    fun intent(context: Context): Intent = Intent(context, StepUpScreen::class.java).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK)
  }
}
