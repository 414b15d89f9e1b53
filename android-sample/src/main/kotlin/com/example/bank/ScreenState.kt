package com.example.bank

/** How things stand on a screen. */
sealed interface ScreenState {
  data object Ready : ScreenState

  /** The bank has been asked. */
  data object Waiting : ScreenState

  class Done(val words: String) : ScreenState

  class Refused(val notice: Notice) : ScreenState
}
