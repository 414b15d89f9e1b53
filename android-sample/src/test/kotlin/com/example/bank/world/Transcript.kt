package com.example.bank.world

import java.io.File
import java.util.concurrent.CopyOnWriteArrayList
import org.junit.Assert.assertEquals

/** What is typed, shown and sent in a run, with placeholders for what differs from run to run, as a block of the README. */
class Transcript {
  private val lines = CopyOnWriteArrayList<String>()
  private val placeholders = mutableListOf<Pair<String, String>>()
  private var screen = emptyList<String>()

  fun chapter(words: String) {
    if (lines.isNotEmpty()) lines += ""
    lines += "# $words"
  }

  fun typed(command: String) = add("$ $command")

  fun printed(text: String) = text.trimEnd().lines().forEach { add("  $it".trimEnd()) }

  fun edited(file: String, changes: Array<out Operator.Change>) {
    add("$ edit $file")
    for (change in changes) {
      change.from.lines().filter { it !in change.to.lines() }.forEach { add("  -$it") }
      change.to.lines().filter { it !in change.from.lines() }.forEach { add("  +$it") }
    }
  }

  /** A screen, unless it is as it was. */
  fun shown(now: List<String>) {
    if (now == screen) return
    screen = now
    now.forEach { add("  │ $it".trimEnd()) }
  }

  fun pressed(words: String) = add("> $words")

  /** What went over the wire, the gateway's refusals that the SDK followed too. */
  fun sent(exchange: String) = add("  → $exchange")

  /** [varying] is written as [name], in what was told before, too. */
  fun placeholder(varying: String, name: String) {
    placeholders += varying to name
  }

  private fun add(line: String) {
    lines += line
  }

  /** Compares with the README's block; with `ATTEST_BLESS=1` it is written. */
  fun compare(readme: File) {
    val written = lines.joinToString("\n") { line -> placeholders.fold(line) { text, (varying, name) -> text.replace(varying, name) } }
      .replace(AGO, "$1TIME")
      .replace(TIME, "TIME")
    val text = readme.readText()
    val before = text.substringBefore(BEGIN) + BEGIN
    val after = END + text.substringAfter(BEGIN).substringAfter(END)
    if (System.getenv("ATTEST_BLESS") == "1") readme.writeText(before + written + after)
    assertEquals("ATTEST_BLESS=1 writes it anew", before + written + after, readme.readText())
  }

  private companion object {
    const val BEGIN = "<!-- Written by ScreensTest. -->\n\n```text\n"
    const val END = "\n```\n\n<!-- End of what it writes. -->"
    val AGO = Regex("(?m)^( *When +).*$")
    val TIME = Regex("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z")
  }
}
