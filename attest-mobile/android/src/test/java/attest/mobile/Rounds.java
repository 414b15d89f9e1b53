package attest.mobile;

import java.util.Arrays;

/** Asks many times within one call of the native library, so that a reference left behind each time would add up. */
final class Rounds {
  private Rounds() {}

  /** The arguments: how many rounds, and the questions of each. */
  public static void main(String[] arguments) {
    String questions = Asked.json(Arrays.copyOfRange(arguments, 1, arguments.length));
    System.out.println(Development.repeat(new PlainContext(), questions, Integer.parseInt(arguments[0])));
  }
}
