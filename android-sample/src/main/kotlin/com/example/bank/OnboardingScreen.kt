package com.example.bank

import android.content.Intent

/** Opens an account: the first thing that bots would do by the thousand. */
class OnboardingScreen : Screen() {
  override fun build() {
    title("Example Bank")
    text("Open an account in a minute.")
    val name = field("Your name")
    button("Open an account") {
      ask<String>({ then -> app.bank.open(name.text.toString(), then) }) { customer ->
        app.session.customer = customer
        startActivity(Intent(this, LoginScreen::class.java))
        finish()
      }
    }
  }
}
