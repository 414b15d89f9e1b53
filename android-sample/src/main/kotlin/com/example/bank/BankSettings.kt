package com.example.bank

import android.content.Context
import android.content.pm.ApplicationInfo
import android.content.pm.PackageManager
import attest.mobile.Environment
import attest.mobile.PolicyRoot
import okhttp3.HttpUrl
import okhttp3.HttpUrl.Companion.toHttpUrl

/**
 * Where the bank is, and what the app is built for.
 *
 * @param api the bank's origin; the gateway answers there.
 * @param isQa whether this build enrols with a key in software: debug builds only, for emulators and tests.
 */
class BankSettings(val api: HttpUrl, val policyRoot: PolicyRoot, val isQa: Boolean) {
  val environment get() = if (isQa) Environment.Development else Environment.Production

  fun url(path: String) = api.newBuilder().encodedPath(path).build().toString()

  companion object {
    /** As the build wrote them: see `manifestPlaceholders` in build.gradle.kts. */
    fun of(context: Context): BankSettings {
      val app = context.packageManager.getApplicationInfo(context.packageName, PackageManager.GET_META_DATA)
      val api = checkNotNull(app.metaData?.getString("com.example.bank.api")) { "the manifest does not say where the bank is" }
      val root = PolicyRoot { it.assets.open("policy-root.json").use { file -> file.readBytes() } }
      return BankSettings(api.toHttpUrl(), root, isQa = app.flags and ApplicationInfo.FLAG_DEBUGGABLE != 0)
    }
  }
}
