package attest.mobile;

import static org.junit.Assert.assertNull;

import android.content.pm.PackageInfo;
import android.os.Parcel;
import android.os.Parcelable;
import android.util.Pair;
import java.lang.ref.WeakReference;
import java.lang.reflect.Field;
import java.util.HashMap;
import org.junit.After;
import org.junit.Test;
import sun.misc.Unsafe;

/** The framework's classes loaded by the boot loader, as on a phone, and what a signature killer does to them. */
public class ClassesBootTest {
  private static final String CREATOR = "(PackageInfo.CREATOR)";
  private static final String CACHED = "(Parcel.mCreators.PackageInfo)";
  private static final String PAIRED = "(Parcel.sPairedCreators.PackageInfo)";
  private static final String APP_LOADER = ClassesBootTest.class.getClassLoader().getClass().getName();

  private final PlainContext context = new PlainContext();
  private final Parcelable.Creator<PackageInfo> genuine = PackageInfo.CREATOR;

  private static final class Killer implements Parcelable.Creator<PackageInfo> {
    @Override
    public PackageInfo createFromParcel(Parcel parcel) {
      return null;
    }

    @Override
    public PackageInfo[] newArray(int size) {
      return new PackageInfo[size];
    }
  }

  private static Unsafe unsafe() throws Exception {
    Field field = Unsafe.class.getDeclaredField("theUnsafe");
    field.setAccessible(true);
    return (Unsafe) field.get(null);
  }

  private static void replaceCreator(Object creator) throws Exception {
    Field field = PackageInfo.class.getField("CREATOR");
    unsafe().putObjectVolatile(unsafe().staticFieldBase(field), unsafe().staticFieldOffset(field), creator);
  }

  @SuppressWarnings("unchecked")
  private static HashMap<ClassLoader, HashMap<String, Object>> cache(String name) throws Exception {
    Field field = Parcel.class.getDeclaredField(name);
    field.setAccessible(true);
    return (HashMap<ClassLoader, HashMap<String, Object>>) field.get(null);
  }

  private static void fill(String name, ClassLoader loader, Object entry) throws Exception {
    cache(name).computeIfAbsent(loader, absent -> new HashMap<>()).put("android.content.pm.PackageInfo", entry);
  }

  @After
  public void mend() throws Exception {
    replaceCreator(genuine);
    cache("mCreators").clear();
    cache("sPairedCreators").clear();
  }

  @Test
  public void theGenuineCreatorIsTheBootLoaders() {
    Asked asked =
        Asked.of(context, "java.object_loader" + CREATOR, "java.object_class" + CREATOR,
            "java.class_loader(android.content.pm.PackageInfo)", "java.class_loader(attest.mobile.Rounds)");
    asked.says("java.object_loader" + CREATOR, "boot");
    asked.says("java.object_class" + CREATOR, "android.content.pm.PackageInfo$1");
    asked.says("java.class_loader(android.content.pm.PackageInfo)", "boot");
    asked.says("java.class_loader(attest.mobile.Rounds)", APP_LOADER);
  }

  @Test
  public void aReplacedCreatorIsSeen() throws Exception {
    replaceCreator(new Killer());
    Asked asked = Asked.of(context, "java.object_loader" + CREATOR, "java.object_class" + CREATOR);
    asked.says("java.object_loader" + CREATOR, APP_LOADER);
    asked.says("java.object_class" + CREATOR, Killer.class.getName());
    replaceCreator(null);
    Asked.of(context, "java.object_loader" + CREATOR).isAbsent("java.object_loader" + CREATOR);
  }

  @Test
  public void cachedCreatorsAreSeenInEveryLoadersCache() throws Exception {
    Asked asked = Asked.of(context, "java.object_loader" + CACHED, "java.object_loader" + PAIRED);
    asked.isAbsent("java.object_loader" + CACHED);
    asked.isAbsent("java.object_loader" + PAIRED);

    cache("mCreators").put(getClass().getClassLoader(), new HashMap<>());
    fill("mCreators", null, genuine);
    fill("sPairedCreators", null, new Pair<>(genuine, PackageInfo.class));
    asked = Asked.of(context, "java.object_loader" + CACHED, "java.object_loader" + PAIRED);
    asked.says("java.object_loader" + CACHED, "boot");
    asked.says("java.object_loader" + PAIRED, "boot");

    fill("mCreators", getClass().getClassLoader(), new Killer());
    fill("sPairedCreators", getClass().getClassLoader(), new Pair<>(new Killer(), PackageInfo.class));
    asked = Asked.of(context, "java.object_loader" + CACHED, "java.object_class" + PAIRED);
    asked.says("java.object_loader" + CACHED, APP_LOADER);
    asked.says("java.object_class" + PAIRED, Killer.class.getName());
  }

  @Test
  public void whatIsMissingNativelyIsAnError() {
    Asked asked = Asked.of(context, "id.uid", "java.debugger", "id.package@java", "sensors.name");
    asked.fails("id.uid", Asked.ENOSYS);
    asked.fails("java.debugger", Asked.ENOSYS);
    asked.says("id.package@java", "com.example.bank");
    asked.fails("sensors.name", Asked.EIO);
  }

  @Test
  public void theContextIsForgottenWithTheAnswers() {
    WeakReference<PlainContext> forgotten = new WeakReference<>(new PlainContext());
    Asked.of(forgotten.get(), "java.object_class" + CACHED, "id.package@java");
    for (int round = 0; round < 20 && forgotten.get() != null; round++) {
      System.gc();
    }
    assertNull(forgotten.get());
  }
}
