package attest.mobile;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import android.app.Application;
import android.content.Context;
import android.content.ContextWrapper;
import android.content.pm.PackageManager;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;

/** What a hostile or broken platform can do to the app through us: nothing. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 35, manifest = Config.NONE)
public class DisciplineFrameworkTest {
  private static final String[] ALL = {
    "pm.signers", "pm.installer", "build.model", "java.stack", "sensors.name", "net.interfaces@java",
    "path.exists(/)@java", "app.data_dir", "java.class_exists(a.B)",
  };

  private final Application app = RuntimeEnvironment.getApplication();

  /** A context whose package manager fails with this. */
  private Context spoiled(Throwable thrown) {
    return new ContextWrapper(app) {
      @Override
      public Context getApplicationContext() {
        return this;
      }

      @Override
      public PackageManager getPackageManager() {
        return DisciplineFrameworkTest.<RuntimeException>sneak(thrown);
      }
    };
  }

  @SuppressWarnings("unchecked")
  private static <T extends Throwable> PackageManager sneak(Throwable thrown) throws T {
    throw (T) thrown;
  }

  private static final class Sneering extends SecurityException {
    @Override
    public String getMessage() {
      throw new IllegalStateException("asked for its words");
    }

    @Override
    public String toString() {
      throw new IllegalStateException("asked for its words");
    }
  }

  @Test
  public void exceptionsAreClearedAndBecomeNumbers() {
    check(new SecurityException("no"), Asked.EACCES);
    check(new Sneering(), Asked.EACCES);
    check(new OutOfMemoryError(), Asked.ENOMEM);
    check(new IllegalStateException("spoiled"), Asked.EIO);
    check(new StackOverflowError(), Asked.EIO);
    check(new NoSuchMethodError(), Asked.ENOSYS);
    check(new Throwable(), Asked.EIO);
  }

  private void check(Throwable thrown, int errno) {
    Context context = spoiled(thrown);
    Asked asked = Asked.of(context, "pm.signers", "pm.flags", "build.sdk", "pm.package_exists(a.b)");
    asked.fails("pm.signers", errno);
    asked.fails("pm.flags", errno);
    asked.fails("pm.package_exists(a.b)", errno);
    asked.says("build.sdk", 35L);
  }

  @Test
  public void nullsAreAbsent() {
    Context context =
        new ContextWrapper(app) {
          @Override
          public Context getApplicationContext() {
            return null;
          }

          @Override
          public PackageManager getPackageManager() {
            return null;
          }

          @Override
          public Object getSystemService(String name) {
            return null;
          }
        };
    Asked asked = Asked.of(context, "pm.signers", "sensors.name");
    asked.isAbsent("pm.signers");
    asked.isAbsent("sensors.name");
  }

  @Test
  public void aSpoiledContextIsRememberedNevertheless() {
    Context context =
        new ContextWrapper(app) {
          @Override
          public Context getApplicationContext() {
            throw new IllegalStateException("spoiled");
          }
        };
    Asked.of(context, "build.sdk").says("build.sdk", 35L);
    assertThrows(RuntimeException.class, () -> Asked.of(null, "build.sdk"));
  }

  @Test
  public void onTheMainThreadNothingIsAsked() throws Exception {
    Asked asked = Asked.here(app, ALL);
    for (String question : ALL) {
      asked.fails(question, Asked.EWOULDBLOCK);
    }
    elsewhere(() -> Asked.here(app, "build.sdk")).says("build.sdk", 35L);
  }

  @Test
  public void theThreadIsDetachedAfterwards() {
    Asked.of(app, ALL);
    int before = Thread.getAllStackTraces().size();
    for (int round = 0; round < 50; round++) {
      Asked.of(app, "build.sdk");
    }
    assertEquals(before, Thread.getAllStackTraces().size());
  }

  private static <T> T elsewhere(Callable<T> work) throws Exception {
    FutureTask<T> task = new FutureTask<>(work);
    new Thread(task).start();
    return task.get();
  }
}
