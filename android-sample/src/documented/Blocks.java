import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Writes each block of Kotlin of a document as a file of its own, so that it is compiled with the tests: {@code Blocks.java DOCUMENT FOLDER}. A
 * block's address of the gateway becomes that of a test's.
 */
final class Blocks {
  private static final Pattern BLOCK = Pattern.compile("^```kotlin\n(.*?)^```$", Pattern.DOTALL | Pattern.MULTILINE);

  public static void main(String[] arguments) throws IOException {
    Matcher block = BLOCK.matcher(Files.readString(Path.of(arguments[0])));
    Path folder = Files.createDirectories(Path.of(arguments[1]));
    int written = 0;
    while (block.find()) {
      written++;
      String kotlin = block.group(1).replace("\"http://127.0.0.1:8080", "\"${documented.Here.origin}");
      // R is what the Android build makes of an app's resources.
      Files.writeString(folder.resolve("Block" + written + ".kt"), "package documented.block" + written + "\n\nimport documented.R\n" + kotlin);
    }
    if (written == 0) throw new IOException("no block of Kotlin in " + arguments[0]);
  }
}
