package com.lody.virtual;

import java.util.concurrent.Callable;

/** Starts the app as a cloner's engine does: its frames stand below the app's. */
public final class Host {
  private Host() {}

  public static <T> T start(Callable<T> app) throws Exception {
    return app.call();
  }
}
