package com.example.bank

import android.content.pm.ApplicationInfo
import android.os.Bundle
import attest.mobile.Environment
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

/** What a build is for is read from what the system says of the installed app. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = [35], manifest = Config.NONE)
class SettingsTest {
  private val context = RuntimeEnvironment.getApplication()

  private fun installed(api: String?, debuggable: Boolean): BankSettings {
    val app = checkNotNull(shadowOf(context.packageManager).getInternalMutablePackageInfo(context.packageName).applicationInfo)
    app.metaData = Bundle().apply { putString("com.example.bank.api", api) }
    app.flags = ApplicationInfo.FLAG_INSTALLED or if (debuggable) ApplicationInfo.FLAG_DEBUGGABLE else 0
    return BankSettings.of(context)
  }

  @Test
  fun aReleaseHasNoQaIdentity() {
    val settings = installed("https://api.bank.example", debuggable = false)
    assertEquals(listOf(false, Environment.Production), listOf(settings.isQa, settings.environment))
    assertEquals("https://api.bank.example/.attest/v1", settings.url("/.attest/v1"))
  }

  @Test
  fun aDebugBuildHas() {
    val settings = installed("http://127.0.0.1:8080", debuggable = true)
    assertEquals(listOf(true, Environment.Development), listOf(settings.isQa, settings.environment))
    assertEquals("http://127.0.0.1:8080/.attest/v1", settings.url("/.attest/v1"))
  }

  @Test
  fun aBuildWithoutABankDoesNotStart() {
    assertThrows(IllegalStateException::class.java) { installed(null, debuggable = false) }
  }
}
