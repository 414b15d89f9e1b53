package attest.mobile.world;

import java.io.File;
import java.io.RandomAccessFile;

/** Another process of the app: locks the file that it is told, says so, and goes when it hears the end of its input. */
public final class LockHolder {
  private LockHolder() {}

  public static void main(String[] arguments) throws Exception {
    try (RandomAccessFile file = new RandomAccessFile(new File(arguments[0]), "rw")) {
      System.out.println(file.getChannel().tryLock() != null);
      while (System.in.read() >= 0) {}
    }
  }
}
