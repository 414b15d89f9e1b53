package attest.mobile;

import android.content.Context;

/** Entries that only a development build of the native library has. */
final class Development {
  static {
    System.load(System.getProperty("attest.library"));
  }

  private Development() {}

  /** Loads the library, {@link Native}'s entries with it. */
  static void load() {}

  /** Answers questions (a JSON list) on a thread of the library's own: a JSON object of observations by question. */
  static native String answer(Context context, String questions);

  /** The same on the calling thread. */
  static native String answerHere(Context context, String questions);

  /** The same on the calling thread, as often as {@code rounds} within this one call; the last answer. */
  static native String repeat(Context context, String questions, int rounds);
}
