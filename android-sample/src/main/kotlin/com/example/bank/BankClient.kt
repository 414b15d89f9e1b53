package com.example.bank

import android.util.Log
import attest.mobile.Attest
import attest.mobile.AttestIOException
import attest.mobile.attestRefusal
import java.io.IOException
import java.util.concurrent.Executor
import okhttp3.Call
import okhttp3.Callback
import okhttp3.HttpUrl
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody.Companion.toRequestBody
import okhttp3.Response
import org.json.JSONException
import org.json.JSONObject

/**
 * The bank's API. Answers come by [deliver]; nothing here knows of tokens, refusals or retries but the one interceptor and [Notice].
 */
class BankClient(private val api: HttpUrl, http: OkHttpClient.Builder, attest: Attest, private val deliver: Executor) {
  private val http = http
    // Integration, line 3 of 3: the last of the interceptors.
    .addInterceptor(attest.interceptor())
    .build()

  /** The number of the new customer. */
  fun open(name: String, then: (Answer<String>) -> Unit) =
    send(post("v1/onboarding?channel=app", "name" to name), then) { it.getString("customer") }

  /** The access token. */
  fun logIn(customer: String, pin: String, then: (Answer<String>) -> Unit) =
    send(post("v1/login", "customer" to customer, "pin" to pin), then) { it.getString("access_token") }

  fun balance(accessToken: String, then: (Answer<String>) -> Unit) =
    send(request("v1/balance?currency=EUR", accessToken).build(), then) { "${it.getString("balance")} ${it.getString("currency")}" }

  /** The payment's number. */
  fun pay(accessToken: String, to: String, amount: String, then: (Answer<String>) -> Unit) {
    val url = api.newBuilder().addPathSegments("v1/payments").addQueryParameter("to", to).build()
    send(Request.Builder().url(url).header("Authorization", "Bearer $accessToken").post(json("amount" to amount)).build(), then) { it.getString("payment") }
  }

  /** The payee's number. The customer is asked to confirm on the way: see [StepUpDesk]. */
  fun addPayee(name: String, then: (Answer<String>) -> Unit) = send(post("v1/payees", "name" to name), then) { it.getString("payee") }

  /** Has a code for this step-up sent to the customer. It blocks: not for the main thread. */
  @Throws(IOException::class)
  fun sendCode(stepUp: String) = http.newCall(post("v1/step-up", "id" to stepUp)).execute().use { it.isSuccessful }

  /** What the bank signs for the right code, or null. It blocks: not for the main thread. */
  @Throws(IOException::class)
  fun complete(stepUp: String, code: String): String? =
    http.newCall(post("v1/step-up", "id" to stepUp, "code" to code)).execute().use { reply ->
      if (reply.isSuccessful) JSONObject(reply.body!!.string()).optString("completion") else null
    }

  private fun request(target: String, accessToken: String? = null) = Request.Builder().url(api.resolve(target)!!)
    .apply { accessToken?.let { header("Authorization", "Bearer $it") } }

  private fun post(target: String, vararg members: Pair<String, String>) = request(target).post(json(*members)).build()

  private fun json(vararg members: Pair<String, String>) = JSONObject(members.toMap()).toString().toRequestBody(JSON)

  private fun <T> send(request: Request, then: (Answer<T>) -> Unit, read: (JSONObject) -> T) {
    http.newCall(request).enqueue(object : Callback {
      override fun onFailure(call: Call, e: IOException) {
        if (e is AttestIOException) Log.w("bank", "no token: ${e.attest.code}")
        deliver.execute { then(Answer.Not(Notice.of(e))) }
      }

      override fun onResponse(call: Call, response: Response) {
        val answer = response.use { answer(it, read) }
        deliver.execute { then(answer) }
      }
    })
  }

  private fun <T> answer(reply: Response, read: (JSONObject) -> T): Answer<T> {
    // What the gateway refused, in words that help; what the bank itself says, as it is.
    reply.attestRefusal?.let { return Answer.Not(Notice.of(it, reply.header("Retry-After")?.toLongOrNull())) }
    if (!reply.isSuccessful) return Answer.Not(Notice.Rejected(reply.code))
    return try {
      Answer.Done(read(JSONObject(reply.body!!.string())))
    } catch (failure: IOException) {
      Answer.Not(Notice.of(failure))
    } catch (_: JSONException) {
      Answer.Not(Notice.OurFault)
    }
  }

  private companion object {
    val JSON = "application/json".toMediaType()
  }
}
