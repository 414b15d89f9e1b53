package androidx.test.runner.lifecycle;

/** Stands in for androidx.test; nobody asks. */
public final class ActivityLifecycleMonitorRegistry {
  private ActivityLifecycleMonitorRegistry() {}

  public static void registerInstance(ActivityLifecycleMonitor monitor) {}
}
