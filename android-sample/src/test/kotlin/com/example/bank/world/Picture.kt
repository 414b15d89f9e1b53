package com.example.bank.world

import android.graphics.Bitmap
import android.graphics.Canvas
import android.view.View
import java.io.File

/** A screen as the framework's own code draws it, on a canvas of this computer. */
object Picture {
  fun draw(view: View, file: File) {
    view.measure(exactly(WIDTH_PX), exactly(HEIGHT_PX))
    view.layout(0, 0, WIDTH_PX, HEIGHT_PX)
    val bitmap = Bitmap.createBitmap(WIDTH_PX, HEIGHT_PX, Bitmap.Config.ARGB_8888)
    view.draw(Canvas(bitmap))
    file.parentFile.mkdirs()
    file.outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
  }

  private fun exactly(px: Int) = View.MeasureSpec.makeMeasureSpec(px, View.MeasureSpec.EXACTLY)

  private const val WIDTH_PX = 320
  private const val HEIGHT_PX = 440
}
