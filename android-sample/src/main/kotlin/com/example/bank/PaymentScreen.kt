package com.example.bank

/** Pays, and adds payees, which the customer confirms by a code. */
class PaymentScreen : Screen() {
  override fun build() {
    val token = app.session.accessToken ?: return beginAgain()
    title("Pay")
    val balance = text("")
    val to = field("To")
    val amount = field("Amount in EUR")
    button("Pay") {
      ask<String>({ then -> app.bank.pay(token, to.text.toString(), amount.text.toString(), then) }) {
        show(ScreenState.Done("Paid ${amount.text} EUR to ${to.text} ($it)."))
      }
    }
    button("Remember this payee") {
      ask<String>({ then -> app.bank.addPayee(to.text.toString(), then) }) { show(ScreenState.Done("${to.text} is a payee now ($it).")) }
    }
    app.bank.balance(token) { if (it is Answer.Done && !isDestroyed) balance.text = "You have ${it.value}." }
  }
}
