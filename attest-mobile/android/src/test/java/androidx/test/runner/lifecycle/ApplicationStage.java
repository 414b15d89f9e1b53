package androidx.test.runner.lifecycle;

/** Stands in for androidx.test. */
public enum ApplicationStage {
  PRE_ON_CREATE,
  CREATED
}
