package com.example.bank

/** What the app knows of its customer. In memory only, and used on the main thread only. */
class Session {
  var customer: String? = null
  var accessToken: String? = null
}
