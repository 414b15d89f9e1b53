package attest.mobile;

import static org.junit.Assert.assertEquals;
import static org.robolectric.Shadows.shadowOf;

import android.app.Application;
import android.content.pm.FeatureInfo;
import android.content.pm.PackageInfo;
import android.content.pm.PackageManager;
import android.content.pm.Signature;
import android.content.pm.SigningInfo;
import java.security.MessageDigest;
import java.util.List;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowProcess;
import org.robolectric.shadows.ShadowSigningInfo;

/** The package manager, as of Android 15. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 35, manifest = Config.NONE)
public class PackagesFrameworkTest {
  private final Application app = RuntimeEnvironment.getApplication();
  private final String own = app.getPackageName();
  private final PackageManager manager = app.getPackageManager();

  private static String sha256(byte[] bytes) throws Exception {
    StringBuilder hex = new StringBuilder();
    for (byte part : MessageDigest.getInstance("SHA-256").digest(bytes)) {
      hex.append(String.format("%02x", part));
    }
    return hex.toString();
  }

  private void signWith(byte[]... certificates) throws Exception {
    Signature[] signatures = new Signature[certificates.length];
    for (int i = 0; i < certificates.length; i++) {
      signatures[i] = new Signature(certificates[i]);
    }
    PackageInfo info = manager.getPackageInfo(own, 0);
    info.signingInfo = new SigningInfo();
    ((ShadowSigningInfo) Shadow.extract(info.signingInfo)).setSignatures(signatures);
    shadowOf(manager).installPackage(info);
  }

  @Test
  public void signersAreDigestsOfTheirCertificates() throws Exception {
    byte[] first = {1, 2, 3};
    byte[] second = new byte[5000];
    signWith(first);
    Asked.of(app, "pm.signers").says("pm.signers", List.of(sha256(first)));
    signWith(first, second);
    Asked.of(app, "pm.signers").says("pm.signers", List.of(sha256(first), sha256(second)));
  }

  @Test
  public void tooManySignersAndTooLongOnesAreErrors() throws Exception {
    byte[][] many = new byte[17][];
    for (int i = 0; i < many.length; i++) {
      many[i] = new byte[] {(byte) i};
    }
    signWith(many);
    Asked.of(app, "pm.signers").fails("pm.signers", Asked.ENOBUFS);
    signWith(new byte[64 * 1024 + 1]);
    Asked.of(app, "pm.signers").fails("pm.signers", Asked.ENOBUFS);
  }

  @Test
  public void withoutSigningInfoThereIsNoSigner() throws Exception {
    PackageInfo info = manager.getPackageInfo(own, 0);
    info.signingInfo = null;
    shadowOf(manager).installPackage(info);
    Asked.of(app, "pm.signers").isAbsent("pm.signers");
  }

  @Test
  public void installer() {
    Asked.of(app, "pm.installer").isAbsent("pm.installer");
    shadowOf(manager).setInstallSourceInfo(own, "com.android.vending", "com.android.vending");
    Asked.of(app, "pm.installer").says("pm.installer", "com.android.vending");
  }

  @Test
  public void sourceDirectoryAndFlagsAreThePackageManagersOwn() throws Exception {
    PackageInfo info = manager.getPackageInfo(own, 0);
    info.applicationInfo.sourceDir = "/data/app/~~x/own-y/base.apk";
    info.applicationInfo.flags = 0x10010182;
    shadowOf(manager).installPackage(info);
    Asked asked = Asked.of(app, "pm.source_dir", "pm.flags");
    asked.says("pm.source_dir", "/data/app/~~x/own-y/base.apk");
    asked.says("pm.flags", (long) manager.getApplicationInfo(own, 0).flags);
  }

  @Test
  public void packagesForUid() {
    ShadowProcess.setUid(10123);
    shadowOf(manager).setPackagesForUid(10123, own, "org.host");
    Asked asked = Asked.of(app, "pm.packages_for_uid", "id.uid", "id.user_id");
    asked.says("pm.packages_for_uid", List.of(own, "org.host"));
    asked.says("id.uid", 10123L);
    asked.says("id.user_id", 0L);
    ShadowProcess.setUid(99910123);
    asked = Asked.of(app, "pm.packages_for_uid", "id.user_id");
    asked.isAbsent("pm.packages_for_uid");
    asked.says("id.user_id", 999L);
  }

  @Test
  public void packageExists() {
    PackageInfo info = new PackageInfo();
    info.packageName = "com.lbe.parallel";
    shadowOf(manager).installPackage(info);
    Asked asked =
        Asked.of(app, "pm.package_exists(com.lbe.parallel)", "pm.package_exists(no.such.app)");
    asked.says("pm.package_exists(com.lbe.parallel)", true);
    asked.says("pm.package_exists(no.such.app)", false);
  }

  @Test
  public void featuresWithoutANameAreLeftOut() {
    shadowOf(manager).clearSystemAvailableFeatures();
    add("android.hardware.camera");
    add(null);
    add("org.chromium.arc");
    Asked.of(app, "pm.features")
        .says("pm.features", List.of("android.hardware.camera", "org.chromium.arc"));
  }

  @Test
  public void tooManyFeaturesAreAnErrorAndNeverFewer() {
    shadowOf(manager).clearSystemAvailableFeatures();
    for (int i = 0; i < 1024; i++) {
      add("feature." + i);
    }
    assertEquals(1024, Asked.of(app, "pm.features").list("pm.features").size());
    add("org.chromium.arc");
    Asked.of(app, "pm.features").fails("pm.features", Asked.ENOBUFS);
  }

  @Test
  public void aTextThatIsTooLongIsAnError() {
    shadowOf(manager).setInstallSourceInfo(own, "x", "x".repeat(4096));
    Asked.of(app, "pm.installer").says("pm.installer", "x".repeat(4096));
    shadowOf(manager).setInstallSourceInfo(own, "x", "x".repeat(4097));
    Asked.of(app, "pm.installer").fails("pm.installer", Asked.ENOBUFS);
  }

  private void add(String name) {
    FeatureInfo feature = new FeatureInfo();
    feature.name = name;
    shadowOf(manager).addSystemAvailableFeature(feature);
  }
}
