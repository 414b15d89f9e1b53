package attest.mobile;

import android.content.Context;

/** The native library's entries. */
final class Native {
  private Native() {}

  /** Loads the library. What has to be linked into it by name is found through this class's loader. */
  static void load() {
    System.loadLibrary("attest");
  }

  /**
   * Remembers the app's context and class loader, and who called. Returns at once and may be called on the main thread;
   * a second call changes nothing. Nothing runs while the library is loaded (it has no {@code JNI_OnLoad}): whoever loads it, and
   * with which class loader, is not to be taken for the app. False if the platform refused: facts of the Java side stay unanswered then.
   */
  static native boolean begin(Context context);

  /** Takes the app's end of a socket pair (AF_UNIX stream) to the isolated process, and closes it in the end. False if it is none. */
  static native boolean connect(int fd);

  /** In the isolated process: takes the other end, and answers on the calling thread until the app is gone. */
  static native void serve(int fd);
}
