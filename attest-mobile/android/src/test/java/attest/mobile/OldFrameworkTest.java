package attest.mobile;

import static org.robolectric.Shadows.shadowOf;

import android.app.Application;
import android.content.pm.PackageInfo;
import android.content.pm.PackageManager;
import android.content.pm.Signature;
import java.util.List;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;

/** What Android 7.0 has another API for. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 24, manifest = Config.NONE)
public class OldFrameworkTest {
  private final Application app = RuntimeEnvironment.getApplication();
  private final String own = app.getPackageName();
  private final PackageManager manager = app.getPackageManager();

  @Test
  public void signersAndInstaller() throws Exception {
    PackageInfo info = manager.getPackageInfo(own, 0);
    info.signatures = new Signature[] {new Signature(new byte[] {1, 2, 3})};
    shadowOf(manager).installPackage(info);
    manager.setInstallerPackageName(own, "com.android.vending");
    Asked asked = Asked.of(app, "build.sdk", "pm.signers", "pm.installer", "build.security_patch");
    asked.says("build.sdk", 24L);
    asked.says("pm.signers", List.of("039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81"));
    asked.says("pm.installer", "com.android.vending");
  }

  @Test
  public void aCacheThatCameLaterIsAnError() {
    Asked asked =
        Asked.of(app, "java.object_loader(Parcel.sPairedCreators.PackageInfo)",
            "java.object_loader(Parcel.mCreators.PackageInfo)");
    asked.fails("java.object_loader(Parcel.sPairedCreators.PackageInfo)", Asked.ENOSYS);
  }
}
