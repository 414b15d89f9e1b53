package androidx.test.runner.lifecycle;

/** Stands in for androidx.test; nobody asks. */
public final class ApplicationLifecycleMonitorRegistry {
  private ApplicationLifecycleMonitorRegistry() {}

  public static void registerInstance(ApplicationLifecycleMonitor monitor) {}
}
