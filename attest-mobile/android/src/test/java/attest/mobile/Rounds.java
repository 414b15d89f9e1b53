package attest.mobile;

/** Asks many times within one call of the native library, so that a reference left behind each time would add up. */
final class Rounds {
  static final String[] QUESTIONS = {
    "java.object_loader(PackageInfo.CREATOR)",
    "java.object_class(Parcel.mCreators.PackageInfo)",
    "java.class_loader(attest.mobile.Rounds)",
    "java.class_exists(no.such.Type)",
    "java.stack",
    "java.debugger",
    "id.package@java",
    "id.uid",
    "net.interfaces@java",
    "path.exists(/)@java",
    "path.entries(/)@java",
    "path.lines(/proc/self/status)@java",
    "pm.signers",
    "sensors.name",
  };

  private Rounds() {}

  public static void main(String[] arguments) {
    int rounds = Integer.parseInt(arguments[0]);
    System.out.println(Development.repeat(new PlainContext(), Asked.json(QUESTIONS), rounds));
  }
}
