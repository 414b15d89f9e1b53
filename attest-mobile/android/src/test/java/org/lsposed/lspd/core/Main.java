package org.lsposed.lspd.core;

/** A hooking framework's class, by its name alone. */
public final class Main {
  private Main() {}
}
