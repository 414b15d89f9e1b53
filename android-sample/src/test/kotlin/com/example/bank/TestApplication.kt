package com.example.bank

import android.Manifest
import android.content.ComponentName
import attest.mobile.IsolatedService
import attest.mobile.PolicyRoot
import com.example.bank.world.Operator
import com.example.bank.world.Transcript
import okhttp3.HttpUrl.Companion.toHttpUrl
import okhttp3.OkHttpClient
import org.robolectric.Shadows.shadowOf

/** The app as it is, built for a bank of a test. */
open class TestApplication : BankApplication() {
  protected open val version = "2.4.0"

  override fun onCreate() {
    shadowOf(packageManager).getInternalMutablePackageInfo(packageName).versionName = version
    shadowOf(this).grantPermissions(Manifest.permission.ACCESS_NETWORK_STATE)
    // There are no other processes here.
    shadowOf(this).declareComponentUnbindable(ComponentName(this, IsolatedService::class.java))
    // A cloner app shows its guest a directory of this shape; nothing that the first policy looks for.
    applicationInfo.dataDir = "/data/data/com.twin.space/virtual/data/user/0/com.example.bank"
    super.onCreate()
  }

  override fun settings() = BankSettings(operator.origin.toHttpUrl(), PolicyRoot.of(operator.policyRoot), isQa = true)

  /** Sees each sending, repeated ones too. */
  override fun http(): OkHttpClient.Builder = super.http().addNetworkInterceptor { chain ->
    val request = chain.request()
    chain.proceed(request).also { told?.sent("${request.method} ${request.url.encodedPath} ${it.code}") }
  }

  companion object {
    lateinit var operator: Operator
    var told: Transcript? = null
  }
}

/** A version that the policy no longer lets enrol. */
class OldApplication : TestApplication() {
  override val version = "1.9.0"
}
