package androidx.test.runner.lifecycle;

/** Stands in for androidx.test; nobody watches. */
public interface ApplicationLifecycleMonitor {}
