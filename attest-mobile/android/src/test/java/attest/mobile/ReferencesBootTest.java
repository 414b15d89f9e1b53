package attest.mobile;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.util.ArrayList;
import java.util.List;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/** No reference is left behind and no exception overlooked, as the virtual machine itself watches ({@code -Xcheck:jni}). */
public class ReferencesBootTest {
  @Rule public final TemporaryFolder folder = new TemporaryFolder();

  @Test
  public void tenThousandRoundsInOneCallLeaveNothing() throws Exception {
    List<String> questions =
        List.of("java.object_loader(PackageInfo.CREATOR)", "java.class_exists(no.such.Type)", "id.uid", "id.package@java");
    String said = run(10_000, questions);
    assertTrue(said, said.contains("\"java.object_loader(PackageInfo.CREATOR)\":\"boot\""));
    assertTrue(said, said.contains("\"id.uid\":{\"error\":38}"));
    assertEquals(said, 1, said.trim().lines().count());
  }

  @Test
  public void neitherDoManyQuestionsAndLongLists() throws Exception {
    List<String> questions = new ArrayList<>();
    String many = folder.newFolder("many").getPath();
    for (int i = 0; i < 100; i++) {
      folder.newFile("many/" + i);
      questions.add("path.exists(/" + i + ")@java");
    }
    questions.add("path.entries(" + many + ")@java");
    questions.add("path.lines(/proc/self/status)@java");
    questions.addAll(List.of("java.stack", "net.interfaces@java", "pm.signers", "sensors.name"));
    String said = run(20, questions);
    assertTrue(said, said.contains("\"java.stack\":[\"attest.mobile.Development.repeat\""));
    assertEquals(said, 1, said.trim().lines().count());
  }

  private String run(int rounds, List<String> questions) throws Exception {
    File output = folder.newFile();
    List<String> command = new ArrayList<>();
    command.add(System.getProperty("java.home") + "/bin/java");
    // The virtual machine warns once a frame holds many more references than it was made for.
    command.add("-Xcheck:jni");
    command.add("-Xshare:auto");
    command.add("-Xbootclasspath/a:" + System.getProperty("attest.framework"));
    command.add("-Dattest.library=" + System.getProperty("attest.library"));
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(Rounds.class.getName());
    command.add(String.valueOf(rounds));
    command.addAll(questions);
    Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output).start();
    int status = process.waitFor();
    String said = java.nio.file.Files.readString(output.toPath());
    assertEquals(said, 0, status);
    return said;
  }
}
