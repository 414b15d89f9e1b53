// Nobody has run this build where the project is tested: Google's repository and the Android Gradle Plugin are not there. The same sources are
// compiled against Android's framework and tested by pom.xml.
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

// The library from its own folder: it takes the place of the artifact of the same name.
includeBuild("../attest-mobile/android")

rootProject.name = "android-sample"
