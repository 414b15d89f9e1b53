import AttestNative
import Foundation
import Security
import XCTest

@testable import Attest

/// The contract's scenarios about what a registration goes through: full disks, lost keys, new installations.
final class LivesTests: PhoneTestCase {
    func testStorageFull() async throws {
        let phone = try phone()
        phone.hooks.spoil("storage.put", with: HostFailure.Failed)
        let attest = try phone.start()
        try await passes(attest, phone)
        XCTAssertTrue(attest.status().isEnrolled)
        XCTAssertGreaterThan(phone.notices.count("not-stored"), 0)
        XCTAssertEqual(StandInKeychain.shared.count.items, 1, "the key alone")
    }

    func testStorageCorrupt() async throws {
        try await enrolsAnew { phone in
            StandInKeychain.shared.change { $0 == Self.key ? $1 : Data($1.reversed()) }
            let policy = try Data(contentsOf: phone.policyFile)
            try Data(policy.reversed()).write(to: phone.policyFile)
        }
    }

    func testStorageGone() async throws {
        try await enrolsAnew { phone in
            StandInKeychain.shared.change { $0 == Self.key ? $1 : nil }
            try FileManager.default.removeItem(at: phone.policyFile)
        }
    }

    func testKeyGone() async throws {
        try await enrolsAnew { _ in StandInKeychain.shared.change { $0 == Self.key ? nil : $1 } }
    }

    /// The app was deleted and installed again: its files are gone, and what the Keychain kept is not this installation's.
    func testBothGone() async throws {
        try await enrolsAnew { phone in
            try FileManager.default.removeItem(at: phone.folder)
            XCTAssertGreaterThan(StandInKeychain.shared.count.items, 1)
        }
    }

    func testKeyLostWhileRunning() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        StandInKeychain.shared.change { $0 == Self.key ? nil : $1 }
        let sent = try await attest.sent(phone.request("payments", body: "{}"))
        XCTAssertEqual(sent.status, 200)
        XCTAssertEqual(phone.hooks.count("key.generate"), 2)
    }

    private func enrolsAnew(after change: (Phone) throws -> Void) async throws {
        let phone = try phone()
        let first = try await phone.started()
        let device = first.status().device
        first.close()
        try change(phone)
        let second = try phone.start()
        try await passes(second, phone)
        XCTAssertEqual(phone.hooks.count("key.generate"), 2)
        XCTAssertNotEqual(second.status().device, device)
    }

    private static let key = "qa-key"
}

extension Phone {
    /// Where the library keeps the policy.
    var policyFile: URL { folder.appendingPathComponent("attest-policy") }
}
