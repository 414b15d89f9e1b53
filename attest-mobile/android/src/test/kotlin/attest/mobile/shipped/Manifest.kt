package attest.mobile.shipped

import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import org.w3c.dom.Element

/** The library's manifest, as Gradle merges it into an app's. */
internal object Manifest {
  private const val ANDROID = "http://schemas.android.com/apk/res/android"

  val root: Element = DocumentBuilderFactory.newInstance().apply { isNamespaceAware = true }.newDocumentBuilder()
    .parse(File("src/main/AndroidManifest.xml")).documentElement

  /** Every element of this name, wherever it is. */
  fun all(name: String): List<Element> {
    val found = root.getElementsByTagName(name)
    return (0 until found.length).map { found.item(it) as Element }
  }

  fun Element.android(attribute: String): String = getAttributeNS(ANDROID, attribute)

  /** The names of all of Android's attributes that are used. */
  fun attributes(): Set<String> = all("*").flatMap { element ->
    val of = element.attributes
    (0 until of.length).map { of.item(it) }.filter { it.namespaceURI == ANDROID }.map { it.localName }
  }.toSet()
}
