// swift-tools-version:5.9
import PackageDescription

// On a Mac the native library comes as one prebuilt binary, made by scripts/xcframework.sh. On Linux, where only tests run, it is the
// library built for this machine, and modules of Apple's names stand in for the frameworks: they prove that this code fits their
// shape, and nothing about how Apple's behave.
#if os(Linux)
let native: Target = .systemLibrary(name: "attestFFI", path: "Sources/attestFFI")
let frameworks: [Target.Dependency] = ["CryptoKit", "DeviceCheck", "Security"]
let standIns: [Target] = [
    .target(name: "StandInCrypto", path: "StandIns/Crypto", linkerSettings: [.linkedLibrary("crypto")]),
    .target(name: "CryptoKit", dependencies: ["StandInCrypto"], path: "StandIns/CryptoKit"),
    .target(name: "Security", dependencies: ["StandInCrypto"], path: "StandIns/Security"),
    .target(name: "DeviceCheck", path: "StandIns/DeviceCheck"),
]
#else
let native: Target = .binaryTarget(name: "attestFFI", path: "AttestFFI.xcframework")
let frameworks: [Target.Dependency] = []
let standIns: [Target] = []
#endif

let package = Package(
    name: "Attest",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "Attest", targets: ["Attest"])],
    targets: [
        native,
        .target(name: "AttestNative", dependencies: ["attestFFI"], exclude: ["README.md"]),
        .target(
            name: "Attest",
            dependencies: ["AttestNative"] + frameworks,
            resources: [.copy("PrivacyInfo.xcprivacy")]
        ),
        .testTarget(
            name: "AttestTests",
            dependencies: ["Attest", "AttestNative"] + frameworks,
            resources: [.copy("Support/server.py")]
        ),
    ] + standIns
)
