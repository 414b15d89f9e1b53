package androidx.test.runner.intent;

/** Stands in for androidx.test; nothing is stubbed. */
public final class IntentStubberRegistry {
  private IntentStubberRegistry() {}

  public static boolean isLoaded() {
    return false;
  }

  public static IntentStubber getInstance() {
    return null;
  }
}
