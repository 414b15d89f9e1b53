package com.example.bank

/** What became of a call to the bank. */
sealed interface Answer<out T> {
  class Done<T>(val value: T) : Answer<T>

  class Not(val notice: Notice) : Answer<Nothing>
}
