package attest.mobile;

import android.content.Context;

/** The native library's entries. */
final class Native {
  private Native() {}

  /**
   * Remembers the app's context and class loader, and who called. Returns at once and may be called on the main thread;
   * a second call changes nothing. Nothing runs while the library is loaded (it has no {@code JNI_OnLoad}): whoever loads it, and
   * with which class loader, is not to be taken for the app. False if the platform refused: facts of the Java side stay unanswered then.
   */
  static native boolean begin(Context context);
}
