// Nobody has run this build where the project is tested: Google's repository, the Android Gradle Plugin and the NDK are not there.
// GradleShippedTest compares its figures with those that are tested.
pluginManagement {
  repositories {
    google()
    mavenCentral()
    gradlePluginPortal()
  }
}

dependencyResolutionManagement {
  repositoriesMode = RepositoriesMode.FAIL_ON_PROJECT_REPOS
  repositories {
    google()
    mavenCentral()
  }
}

rootProject.name = "attest-mobile-android"
