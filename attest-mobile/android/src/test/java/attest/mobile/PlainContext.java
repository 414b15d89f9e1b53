package attest.mobile;

import android.content.Context;
import android.content.ContextWrapper;
import android.content.pm.PackageManager;

/** A context without Android around it: the framework's classes are there, and what they call natively is not. */
final class PlainContext extends ContextWrapper {
  PlainContext() {
    super(null);
  }

  @Override
  public Context getApplicationContext() {
    return this;
  }

  @Override
  public String getPackageName() {
    return "com.example.bank";
  }

  @Override
  public PackageManager getPackageManager() {
    throw new SecurityException("spoiled");
  }

  @Override
  public Object getSystemService(String name) {
    throw new IllegalStateException("spoiled");
  }
}
