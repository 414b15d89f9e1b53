package androidx.test.runner.intent;

/** Stands in for androidx.test; nobody watches. */
public interface IntentMonitor {}
