package com.example.bank

import android.content.Intent

/** Logs the customer in. */
class LoginScreen : Screen() {
  override fun build() {
    val customer = app.session.customer ?: return beginAgain()
    title("Log in")
    text("Your customer number is $customer.")
    val pin = field("PIN", isSecret = true)
    button("Log in") {
      ask<String>({ then -> app.bank.logIn(customer, pin.text.toString(), then) }) { token ->
        app.session.accessToken = token
        startActivity(Intent(this, PaymentScreen::class.java))
        finish()
      }
    }
  }
}
