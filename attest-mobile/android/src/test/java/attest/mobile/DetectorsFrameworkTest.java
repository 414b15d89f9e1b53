package attest.mobile;

import static org.junit.Assert.assertEquals;
import static org.robolectric.Shadows.shadowOf;

import android.app.Application;
import android.content.pm.ApplicationInfo;
import android.content.pm.PackageInfo;
import android.hardware.Sensor;
import android.hardware.SensorManager;
import com.lody.virtual.Host;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.shadows.ShadowBuild;
import org.robolectric.shadows.ShadowSensor;
import org.robolectric.util.ReflectionHelpers;

/**
 * The shipped detectors over what Java says on a phone on which much is wrong: each hits, and does not without the probe that it
 * needs. A probe without a detector here fails.
 */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 35, manifest = Config.NONE)
public class DetectorsFrameworkTest {
  /** What the packs ask of these two needs a hooked file system, or another host's network: asked here by detectors of our own. */
  private static final String OWN =
      "detectors:\n"
          + "- {id: test.files, platform: android, category: hook, severity: low, why: w,"
          + " when: {fact: path.exists(/proc)@java, op: eq, value: true}}\n"
          + "- {id: test.network, platform: android, category: hook, severity: low, why: w,"
          + " when: {fact: net.interfaces@java, op: any_eq, value: lo}}\n";

  /** The probe that each of these detectors needs. */
  private static final Map<String, String> NEEDS =
      new TreeMap<>(
          Map.of(
              "clone.data_dir", "java.app",
              "emulator.product_name", "java.build",
              "hook.xposed_classes", "java.classes",
              "clone.stack", "java.process",
              "debug.debuggable", "java.packages",
              "emulator.sensors", "java.sensors",
              "test.files", "java.files",
              "test.network", "java.network"));

  private final Application app = RuntimeEnvironment.getApplication();

  @Before
  public void play() throws Exception {
    app.getApplicationInfo().dataDir = "/data/data/org.host/virtual/data/user/0/com.bank.app";
    ShadowBuild.setProduct("sdk_gphone64_arm64");
    PackageInfo info = app.getPackageManager().getPackageInfo(app.getPackageName(), 0);
    info.applicationInfo.flags |= ApplicationInfo.FLAG_DEBUGGABLE;
    shadowOf(app.getPackageManager()).installPackage(info);
    Sensor sensor = ShadowSensor.newInstance(Sensor.TYPE_ACCELEROMETER);
    ReflectionHelpers.setField(sensor, "mName", "Goldfish 3-axis Accelerometer");
    ReflectionHelpers.setField(sensor, "mVendor", "x");
    shadowOf(app.getSystemService(SensorManager.class)).addSensor(sensor);
  }

  private static String packs() throws Exception {
    List<String> texts = new ArrayList<>();
    // Maven runs tests in the folder of the project.
    for (String name : List.of("cloner", "debugger", "emulator", "hook", "repackaging", "root")) {
      texts.add(Files.readString(Path.of("../../policy/packs/android/" + name + ".yaml")));
    }
    texts.add(OWN);
    List<String> quoted = new ArrayList<>();
    for (String text : texts) {
      String escaped = text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n").replace("\t", "\\t");
      quoted.add('"' + escaped + '"');
    }
    return "[" + String.join(",", quoted) + "]";
  }

  /** The texts of a JSON list of names. */
  private static TreeSet<String> names(String json) {
    return new TreeSet<>(List.of(json.replaceAll("[\\[\\]\"]", "").split(",")));
  }

  @Test
  public void eachDetectorHitsAndMissesWithoutTheProbeThatItNeeds() throws Exception {
    TreeSet<String> told = names(Host.start(() -> Development.hits(app, packs())));
    TreeSet<String> expected = new TreeSet<>();
    for (Map.Entry<String, String> needs : NEEDS.entrySet()) {
      expected.add("- " + needs.getKey());
      for (String without : NEEDS.values()) {
        if (!needs.getValue().equals(without)) {
          expected.add(without + " " + needs.getKey());
        }
      }
    }
    // Other detectors hit too on such a phone, and are not asked about.
    told.removeIf(hit -> !NEEDS.containsKey(hit.substring(hit.indexOf(' ') + 1)));
    assertEquals(expected, told);
  }

  @Test
  public void everyProbeIsNeededByADetector() {
    assertEquals(names(Development.probes(app)), new TreeSet<>(NEEDS.values()));
  }
}
