package attest.mobile;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.Application;
import android.content.Context;
import android.hardware.Sensor;
import android.hardware.SensorManager;
import android.os.Handler;
import java.io.File;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowBuild;
import org.robolectric.shadows.ShadowSensor;
import org.robolectric.shadows.ShadowSystemProperties;
import org.robolectric.util.ReflectionHelpers;

/** What is not the package manager's, as of Android 15. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 35, manifest = Config.NONE)
public class PlatformFrameworkTest {
  @Rule public final TemporaryFolder folder = new TemporaryFolder();

  private final Application app = RuntimeEnvironment.getApplication();

  @Test
  public void whereTheAppLies() {
    app.getApplicationInfo().dataDir = "/data/user/0/own";
    app.getApplicationInfo().nativeLibraryDir = "/data/app/own/lib/arm64";
    Asked asked =
        Asked.of(app, "app.data_dir", "app.native_dir", "app.apk_path@java", "id.package@java");
    asked.says("app.data_dir", "/data/user/0/own");
    asked.says("app.native_dir", "/data/app/own/lib/arm64");
    asked.says("app.apk_path@java", app.getPackageCodePath());
    asked.says("id.package@java", app.getPackageName());
  }

  @Test
  public void otherViewsAreNotAnswered() {
    Asked asked = Asked.of(app, "app.data_dir@libc", "maps.path", "gl.renderer", "prop.names");
    asked.isUnanswered("app.data_dir@libc");
    asked.isUnanswered("maps.path");
    asked.isUnanswered("gl.renderer");
    asked.isUnanswered("prop.names");
  }

  @Test
  public void buildFields() {
    ShadowBuild.setTags("release-keys");
    ShadowBuild.setType("user");
    ShadowBuild.setFingerprint("google/sargo/sargo:12/x/1:user/release-keys");
    ShadowBuild.setBrand("google");
    ShadowBuild.setManufacturer("Google");
    ShadowBuild.setModel("Pixel 3a");
    ShadowBuild.setDevice("sargo");
    ShadowBuild.setProduct("sargo_p");
    ShadowBuild.setHardware("sargo_h");
    ShadowBuild.setBoard("sargo_b");
    ShadowBuild.setSupportedAbis(new String[] {"arm64-v8a", "armeabi-v7a"});
    ShadowBuild.setVersionRelease("15");
    ShadowBuild.setVersionSecurityPatch("2025-01-05");
    ReflectionHelpers.setStaticField(android.os.Build.class, "SUPPORTED_ABIS", new String[] {"arm64-v8a", "armeabi-v7a"});
    Asked asked =
        Asked.of(app, "build.tags", "build.type", "build.fingerprint", "build.brand",
            "build.manufacturer", "build.model", "build.device", "build.product", "build.hardware",
            "build.board", "build.sdk", "build.abis", "build.security_patch", "os.version");
    asked.says("build.tags", "release-keys");
    asked.says("build.type", "user");
    asked.says("build.fingerprint", "google/sargo/sargo:12/x/1:user/release-keys");
    asked.says("build.brand", "google");
    asked.says("build.manufacturer", "Google");
    asked.says("build.model", "Pixel 3a");
    asked.says("build.device", "sargo");
    asked.says("build.product", "sargo_p");
    asked.says("build.hardware", "sargo_h");
    asked.says("build.board", "sargo_b");
    asked.says("build.sdk", 35L);
    asked.says("build.abis", List.of("arm64-v8a", "armeabi-v7a"));
    asked.says("build.security_patch", "2025-01-05");
    asked.says("os.version", "15");
  }

  @Test
  public void properties() {
    ShadowSystemProperties.override("ro.kernel.qemu", "1");
    Asked asked = Asked.of(app, "prop(ro.kernel.qemu)", "prop(no.such.property)");
    asked.says("prop(ro.kernel.qemu)", "1");
    asked.isAbsent("prop(no.such.property)");
  }

  @Test
  public void classes() {
    Asked asked =
        Asked.of(app, "java.class_exists(android.app.Activity)", "java.class_exists(java.util.Map)",
            "java.class_exists(attest.mobile.Asked)", "java.class_exists(de.robv.android.xposed.XposedBridge)",
            "java.class_exists([I)", "java.class_exists(no slashes/here)",
            "java.class_loader(java.lang.String)", "java.class_loader(attest.mobile.Asked)",
            "java.class_loader(no.such.Type)");
    asked.says("java.class_exists(android.app.Activity)", true);
    asked.says("java.class_exists(java.util.Map)", true);
    asked.says("java.class_exists(attest.mobile.Asked)", true);
    asked.says("java.class_exists(de.robv.android.xposed.XposedBridge)", false);
    asked.says("java.class_exists([I)", true);
    asked.says("java.class_exists(no slashes/here)", false);
    asked.says("java.class_loader(java.lang.String)", "boot");
    asked.says("java.class_loader(attest.mobile.Asked)", Asked.class.getClassLoader().getClass().getName());
    asked.isAbsent("java.class_loader(no.such.Type)");
  }

  @Test
  public void theActivityThreadsFields() throws Exception {
    Object thread = ReflectionHelpers.callStaticMethod(Class.forName("android.app.ActivityThread"), "currentActivityThread");
    Object instrumentation = ReflectionHelpers.getField(thread, "mInstrumentation");
    Asked asked =
        Asked.of(app, "java.object_class(mInstrumentation)", "java.object_class(mH.mCallback)", "java.object_class(unknown)");
    asked.says("java.object_class(mInstrumentation)", instrumentation.getClass().getName());
    asked.isAbsent("java.object_class(mH.mCallback)");
    asked.fails("java.object_class(unknown)", Asked.EINVAL);

    Object handler = ReflectionHelpers.getField(thread, "mH");
    Handler.Callback callback = new HostCallback();
    Field field = Handler.class.getDeclaredField("mCallback");
    field.setAccessible(true);
    field.set(handler, callback);
    Asked.of(app, "java.object_class(mH.mCallback)")
        .says("java.object_class(mH.mCallback)", HostCallback.class.getName());
  }

  private static final class HostCallback implements Handler.Callback {
    @Override
    public boolean handleMessage(android.os.Message message) {
      return false;
    }
  }

  @Test
  public void theStackIsThatOfWhoeverBegan() {
    List<String> frames = Asked.of(app, "java.stack").list("java.stack");
    assertEquals("attest.mobile.Development.answer", frames.get(0));
    String test = PlatformFrameworkTest.class.getName() + ".theStackIsThatOfWhoeverBegan";
    assertTrue(frames.toString(), frames.contains(test));
  }

  @Test
  public void aStackThatIsTooDeepIsAnError() {
    deeper(app, 600);
  }

  private static void deeper(Context app, int frames) {
    if (frames > 0) {
      deeper(app, frames - 1);
    } else {
      Asked.of(app, "java.stack").fails("java.stack", Asked.ENOBUFS);
    }
  }

  @Test
  public void debuggerAndProcess() {
    Asked asked = Asked.of(app, "java.debugger", "proc.cmdline@java");
    asked.says("java.debugger", false);
    asked.says("proc.cmdline@java", Application.getProcessName());
  }

  @Test
  public void sensors() {
    SensorManager manager = app.getSystemService(SensorManager.class);
    Asked asked = Asked.of(app, "sensors.name", "sensors.vendor");
    asked.says("sensors.name", List.of());
    for (String name : List.of("Goldfish 3-axis Accelerometer", "LSM6DSO \u00e9\ud83d\ude00")) {
      Sensor sensor = ShadowSensor.newInstance(Sensor.TYPE_ACCELEROMETER);
      ReflectionHelpers.setField(sensor, "mName", name);
      ReflectionHelpers.setField(sensor, "mVendor", "The Android Open Source Project");
      shadowOf(manager).addSensor(sensor);
    }
    asked = Asked.of(app, "sensors.name", "sensors.vendor");
    assertEquals(
        new TreeSet<>(List.of("Goldfish 3-axis Accelerometer", "LSM6DSO \u00e9\ud83d\ude00")),
        new TreeSet<>(asked.list("sensors.name")));
    asked.says("sensors.vendor", Collections.nCopies(2, "The Android Open Source Project"));
  }

  @Test
  public void interfaces() throws Exception {
    List<String> names = new ArrayList<>();
    for (java.net.NetworkInterface one : Collections.list(java.net.NetworkInterface.getNetworkInterfaces())) {
      names.add(one.getName());
    }
    Asked.of(app, "net.interfaces@java").says("net.interfaces@java", names);
  }

  @Test
  public void files() throws Exception {
    File file = folder.newFile("lines");
    Files.writeString(file.toPath(), "one\ntwo\r\n\nthree");
    assertTrue(file.setReadable(true) && file.setExecutable(false));
    String there = file.getPath();
    String gone = there + "-not";
    Asked asked =
        Asked.of(app, "path.exists(" + there + ")", "path.exists(" + gone + ")@java",
            "path.access(" + there + ")", "path.access(" + gone + ")",
            "path.lines(" + there + ")@java", "path.lines(" + folder.getRoot() + ")@java",
            "path.entries(" + folder.getRoot() + ")@java", "path.entries(" + there + ")@java");
    asked.says("path.exists(" + there + ")", true);
    asked.says("path.exists(" + gone + ")@java", false);
    asked.says("path.access(" + there + ")", 6L);
    asked.isAbsent("path.access(" + gone + ")");
    asked.says("path.lines(" + there + ")@java", List.of("one", "two", "", "three"));
    asked.fails("path.lines(" + folder.getRoot() + ")@java", Asked.EINVAL);
    asked.says("path.entries(" + folder.getRoot() + ")@java", List.of("lines"));
    asked.fails("path.entries(" + there + ")@java", Asked.EACCES);
  }

  @Test
  public void aFileOfMoreThanTheCapIsAnError() throws Exception {
    File file = folder.newFile("long");
    String question = "path.lines(" + file.getPath() + ")@java";
    Files.writeString(file.toPath(), "x".repeat(64 * 1024));
    Asked.of(app, question).says(question, List.of("x".repeat(64 * 1024)));
    Files.writeString(file.toPath(), "x".repeat(64 * 1024 + 1));
    Asked.of(app, question).fails(question, Asked.ENOBUFS);
  }

  @Test
  public void entriesOfTheOwnApk() throws Exception {
    File apk = folder.newFile("base.apk");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(apk.toPath()))) {
      zip.putNextEntry(new ZipEntry("assets/lspatch/origin.apk"));
    }
    Context context =
        new android.content.ContextWrapper(app) {
          @Override
          public Context getApplicationContext() {
            return null;
          }

          @Override
          public String getPackageCodePath() {
            return apk.getPath();
          }
        };
    Asked asked =
        Asked.of(context, "apk.entry_exists(assets/lspatch/origin.apk)", "apk.entry_exists(classes.dex)");
    asked.says("apk.entry_exists(assets/lspatch/origin.apk)", true);
    asked.says("apk.entry_exists(classes.dex)", false);
  }

  @Test
  public void beginningTwiceChangesNothing() {
    Development.load();
    assertTrue(Native.begin(app));
    assertTrue(Native.begin(app));
    assertTrue(!Native.begin(null));
  }
}
