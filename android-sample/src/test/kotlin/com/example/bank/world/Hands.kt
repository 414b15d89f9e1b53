package com.example.bank.world

import android.app.Activity
import android.app.Application
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.EditText
import android.widget.TextView
import java.io.File
import java.util.concurrent.TimeUnit
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.shadows.ShadowPausedLooper
import org.robolectric.shadow.api.Shadow

/** A customer's hands and eyes: they type, press and read on the screen in front, by its real views. */
class Hands(private val app: Application, private val told: Transcript) {
  private val open = ArrayDeque<ActivityController<out Activity>>()

  val screen: Activity get() = open.last().get()

  fun launch(first: Class<out Activity>) = bringUp(Robolectric.buildActivity(first))

  fun type(field: String, text: String) {
    views().filterIsInstance<EditText>().single { it.hint.toString() == field }.setText(text)
  }

  fun press(words: String) {
    told.shown(read())
    told.pressed(words)
    check(button(words).performClick()) { "$words did nothing" }
  }

  /** Waits until the screen in front says so, whichever screen that is by then. */
  fun sees(words: String) = until("the screen says: $words") { read().any { words in it } }

  fun records() = told.shown(read())

  fun isEnabled(words: String) = button(words).isEnabled

  /** Whether it is on this screen and can be pressed. */
  fun isOn(words: String) = views().any { it is Button && it.text.toString() == words && it.isEnabled }

  /** Draws the screen, with `ATTEST_BLESS=1`. */
  fun picture(name: String) {
    if (System.getenv("ATTEST_BLESS") == "1") Picture.draw(screen.window.decorView, File("screens/$name.png"))
  }

  /** What a person reads, from top to bottom. */
  fun read(): List<String> = views().filterIsInstance<TextView>().filter { it.visibility == View.VISIBLE && it.text.isNotEmpty() || it is EditText }.map {
    when (it) {
      is Button -> if (it.isEnabled) "[${it.text}]" else "[${it.text}] not now"
      is EditText -> "${it.hint}: ${it.text}"
      else -> it.text.toString()
    }
  }

  /** Lets the main thread work on what other threads give it until this holds. */
  fun until(what: String, holds: () -> Boolean) {
    val looper = Shadow.extract<ShadowPausedLooper>(Looper.getMainLooper())
    val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_S)
    while (true) {
      looper.idle()
      follow()
      if (holds()) return
      check(System.nanoTime() < deadline) { "$what; it says ${read()}; ${(app as com.example.bank.BankApplication).attest.diagnostics()}" }
      looper.poll(POLL_MS)
    }
  }

  /** Does what the system does with screens that were started or that are finished. */
  private fun follow() {
    while (true) {
      val intent = shadowOf(app).nextStartedActivity ?: break
      val type = Class.forName(intent.component!!.className).asSubclass(Activity::class.java)
      bringUp(Robolectric.buildActivity(type, intent))
    }
    while (open.size > 1 && screen.isFinishing) open.removeLast().pause().stop().destroy()
    open.filter { it.get().isFinishing && it.get() !== screen }.forEach {
      open.remove(it)
      it.stop().destroy()
    }
  }

  private fun bringUp(next: ActivityController<out Activity>) {
    open.lastOrNull()?.pause()
    open.addLast(next)
    next.create().start().resume().visible()
  }

  private fun button(words: String) = views().filterIsInstance<Button>().single { it.text.toString() == words }

  private fun views(): List<View> = all(screen.window.decorView)

  private fun all(view: View): List<View> =
    if (view is ViewGroup) listOf<View>(view) + (0 until view.childCount).flatMap { all(view.getChildAt(it)) } else listOf(view)

  private companion object {
    const val PATIENCE_S = 60L
    const val POLL_MS = 1_000L
  }
}
