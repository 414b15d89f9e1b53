// swift-tools-version:5.9
import PackageDescription

// An app in Xcode adds this package and shows `BankScreens`. On Linux, BankModel is built and tested; BankApp is empty there.
let package = Package(
    name: "BankSample",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "BankApp", targets: ["BankApp", "BankModel"])],
    dependencies: [
        // attest, line 1 of 3: the dependency.
        // page: dependency
        .package(path: "../attest-mobile/ios"),
        // page ends
    ],
    targets: [
        .target(name: "BankModel", dependencies: [.product(name: "Attest", package: "ios")]),
        .target(name: "BankApp", dependencies: ["BankModel"]),
        .testTarget(
            name: "BankModelTests",
            dependencies: ["BankModel"],
            resources: [.copy("Support/server.py")]
        ),
    ]
)
