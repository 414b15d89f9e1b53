import AttestNative
import Foundation
import Security
import XCTest

@testable import Attest

/// Tests of single parts of the host over the stand-ins, on an installation of their own. They call them as the native library does: on
/// threads that are not the main one.
class HostTestCase: XCTestCase {
    let keychain = Keychain(service: "attest.test")
    private(set) var folder = URL(fileURLWithPath: "/")
    private var guardian: Guardian?

    override func setUp() async throws {
        guardian = Guardian(name)
        StandInKeychain.shared.reset()
        folder = try freshFolder()
    }

    override func tearDown() async throws {
        StandInKeychain.shared.reset()
        try? FileManager.default.removeItem(at: folder)
        guardian?.rest()
    }

    /// What the app finds when its process starts; `folder` is what tells one installation from the next.
    func installation() -> Installation {
        Installation(folder: folder) { [keychain] in
            try keychain.deleteAll()
            try SecureEnclaveKey.remove(tag: Data(Self.tag.utf8))
        }
    }

    func key(_ appAttest: AppAttest? = nil) -> SecureEnclaveKey {
        SecureEnclaveKey(tag: Self.tag, installation: installation(), appAttest: appAttest ?? self.appAttest())
    }

    func appAttest(timeout: Double = 60) -> AppAttest { AppAttest(keychain: keychain, timeout: timeout) }

    /// Lets calls of this name fail from now on.
    func refuse(_ call: String, _ status: OSStatus) {
        StandInKeychain.shared.listener = { $0 == call ? status : nil }
    }

    func assert<T>(
        _ failure: HostFailure, file: StaticString = #filePath, line: UInt = #line, _ work: () throws -> T
    ) {
        XCTAssertThrowsError(try work(), file: file, line: line) {
            XCTAssertEqual($0 as? HostFailure, failure, "\($0)", file: file, line: line)
        }
    }

    private static let tag = "attest.key.test"
}
