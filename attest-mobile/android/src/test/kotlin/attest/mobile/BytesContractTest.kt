package attest.mobile

import com.sun.jna.Library
import com.sun.jna.Native as Jna
import com.sun.jna.Pointer
import java.io.File
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

/** Tokens and signing inputs from fixed inputs, by the library that this platform loads. Rust and Swift compare with the same file. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], manifest = Config.NONE)
class BytesContractTest {
  /** Entries that only a development build of the native library has. */
  @Suppress("FunctionName")
  private interface Entries : Library {
    fun attest_dev_bytes(case: ByteArray): Pointer?
    fun attest_dev_free(text: Pointer?)
  }

  private val entries = Jna.load(System.getProperty("attest.library"), Entries::class.java)

  private fun given(case: String): String? {
    val text = entries.attest_dev_bytes(case.toByteArray() + 0) ?: return null
    return try {
      text.getString(0, "UTF-8")
    } finally {
      entries.attest_dev_free(text)
    }
  }

  @Test
  fun `same-bytes`() {
    val contract = JSONArray(File("../link/contract.json").readText())
    assertTrue("${contract.length()} cases", contract.length() >= 6)
    for (index in 0 until contract.length()) {
      val case = contract.getJSONObject(index)
      val name = case.getString("name")
      val said = given(case.getJSONObject("case").toString())
      assertNotNull(name, said)
      assertEquals(name, members(case.getJSONObject("gives")), members(JSONObject(said!!)))
    }
  }

  @Test
  fun whatIsNoCaseGivesNothing() {
    for (text in listOf("", "{}", "[]", """{"evidence": {}}""")) assertNull(text, given(text))
  }

  /** A flipped bit in a case must show: otherwise the comparison would compare nothing. */
  @Test
  fun anotherInputGivesOtherBytes() {
    val case = JSONArray(File("../link/contract.json").readText()).getJSONObject(0)
    val token = case.getJSONObject("case").getJSONObject("session-token")
    token.getJSONObject("request").put("method", "PUT")
    val said = JSONObject(given(case.getJSONObject("case").toString())!!)
    assertTrue(members(said) != members(case.getJSONObject("gives")))
  }

  private fun members(json: JSONObject) = json.keys().asSequence().associateWith { json.get(it) as String }
}
