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

  /**
   * What hits of the detectors of packs (a JSON list of their texts), with all probes and without each of them: a JSON list of
   * {@code - ID} and {@code PROBE ID}.
   */
  static native String hits(Context context, String packs);

  /** The names of the probes that ask Java: a JSON list. */
  static native String probes(Context context);
}
