package attest.mobile.world

import java.security.KeyFactory
import java.security.MessageDigest
import java.security.Signature
import java.security.spec.PKCS8EncodedKeySpec
import java.util.Base64
import org.json.JSONArray
import org.json.JSONObject

/**
 * Whoever has the key that a phone trusts policies by. A gateway loads no policy that it could not enforce, and its tools sign none; a newer gateway
 * would. So a bundle of this gateway's is changed and signed again.
 *
 * @param pem the private key of a development gateway, which is that of every role.
 */
internal class PolicyOwner(pem: String) {
  private val key = KeyFactory.getInstance("EC")
    .generatePrivate(PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem.lines().filterNot { it.startsWith("-") }.joinToString(""))))

  /** The reply of `policy/bundle` with another device policy in it. */
  fun changed(bundle: ByteArray, change: JSONObject.() -> Unit): ByteArray {
    val whole = JSONObject(String(bundle))
    val device = JSONObject(whole.getJSONObject("artifacts").getString("device.json")).apply(change).toString()
    whole.getJSONObject("artifacts").put("device.json", device)
    val targets = signed(whole.getString("targets")) { getJSONObject("targets").put("device.json", described(device)) }
    val snapshot = signed(whole.getString("snapshot")) { names("targets.json", targets) }
    val timestamp = signed(whole.getString("timestamp")) { names("snapshot.json", snapshot) }
    return whole.put("targets", targets).put("snapshot", snapshot).put("timestamp", timestamp).toString().toByteArray()
  }

  private fun JSONObject.names(file: String, text: String) {
    val meta = getJSONObject("meta")
    meta.put(file, described(text).put("version", meta.getJSONObject(file).getLong("version")))
  }

  private fun described(text: String): JSONObject {
    val hash = MessageDigest.getInstance("SHA-256").digest(text.toByteArray())
    return JSONObject().put("length", text.toByteArray().size).put("hashes", JSONObject().put("sha256", hex(hash)))
  }

  private fun signed(text: String, change: JSONObject.() -> Unit): String {
    val envelope = JSONObject(text)
    val signed = envelope.getJSONObject("signed").apply(change)
    val signature = Signature.getInstance("SHA256withECDSA").apply {
      initSign(key)
      update(canonical(signed).toByteArray())
    }
    envelope.getJSONArray("signatures").getJSONObject(0).put("sig", hex(signature.sign()))
    return envelope.toString()
  }

  /** As TUF signs it: members in order, no space, only `"` and `\` escaped. */
  private fun canonical(value: Any): String = when (value) {
    is JSONObject -> value.keys().asSequence().sorted().joinToString(",", "{", "}") { quoted(it) + ":" + canonical(value.get(it)) }
    is JSONArray -> (0 until value.length()).joinToString(",", "[", "]") { canonical(value.get(it)) }
    is String -> quoted(value)
    else -> value.toString()
  }

  private fun quoted(text: String) = "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\""

  private fun hex(bytes: ByteArray) = bytes.joinToString("") { "%02x".format(it) }
}
