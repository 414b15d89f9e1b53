package com.example.bank

import android.app.Activity
import android.content.Intent
import android.os.Bundle
import android.text.InputType
import android.view.View
import android.widget.Button
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.ScrollView
import android.widget.TextView

/** A screen: one column of the platform's own views, and at its end the line that says how things stand. */
abstract class Screen : Activity() {
  protected val app get() = application as BankApplication
  private lateinit var column: LinearLayout
  private lateinit var line: TextView
  private val buttons = mutableListOf<Button>()

  /** Puts the views in, from top to bottom. */
  protected abstract fun build()

  override fun onCreate(saved: Bundle?) {
    setTheme(android.R.style.Theme_Material_Light_NoActionBar)
    super.onCreate(saved)
    val space = (SPACE_DP * resources.displayMetrics.density).toInt()
    column = LinearLayout(this).apply {
      orientation = LinearLayout.VERTICAL
      setPadding(space, space, space, space)
    }
    build()
    line = text("", TEXT_SP)
    show(ScreenState.Ready)
    setContentView(ScrollView(this).apply { addView(column) })
  }

  /** The system brought the screen back after it had ended the app, whose memory is gone. */
  protected fun beginAgain() {
    startActivity(Intent(this, OnboardingScreen::class.java))
    finish()
  }

  protected fun title(words: String) = text(words, TITLE_SP)

  protected fun text(words: String, sizeSp: Float = TEXT_SP) = TextView(this).apply {
    text = words
    textSize = sizeSp
  }.also(column::addView)

  protected fun field(name: String, isSecret: Boolean = false) = EditText(this).apply {
    hint = name
    inputType = InputType.TYPE_CLASS_TEXT or if (isSecret) InputType.TYPE_TEXT_VARIATION_PASSWORD else 0
  }.also(column::addView)

  protected fun button(words: String, pressed: () -> Unit) = Button(this).apply {
    text = words
    setOnClickListener { pressed() }
  }.also(column::addView).also(buttons::add)

  protected fun show(state: ScreenState) {
    // Whoever presses twice would pay twice.
    buttons.forEach { it.isEnabled = state !is ScreenState.Waiting }
    line.text = when (state) {
      is ScreenState.Ready -> ""
      is ScreenState.Waiting -> "One moment …"
      is ScreenState.Done -> state.words
      is ScreenState.Refused -> state.notice.text
    }
    line.visibility = if (line.text.isEmpty()) View.GONE else View.VISIBLE
  }

  /** Calls the bank, and says so meanwhile; the answer to a screen that is gone is dropped. */
  protected fun <T> ask(call: ((Answer<T>) -> Unit) -> Unit, done: (T) -> Unit) {
    show(ScreenState.Waiting)
    call { answer ->
      if (!isDestroyed) {
        when (answer) {
          is Answer.Done -> done(answer.value)
          is Answer.Not -> show(ScreenState.Refused(answer.notice))
        }
      }
    }
  }

  private companion object {
    const val SPACE_DP = 24f
    const val TITLE_SP = 24f
    const val TEXT_SP = 16f
  }
}
