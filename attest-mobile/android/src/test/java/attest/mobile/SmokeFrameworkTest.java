package attest.mobile;

import static org.junit.Assert.assertEquals;

import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;

@RunWith(RobolectricTestRunner.class)
@Config(sdk = 35, manifest = Config.NONE)
public class SmokeFrameworkTest {
  @Test
  public void runs() {
    assertEquals("org.robolectric.default", RuntimeEnvironment.getApplication().getPackageName());
  }
}
