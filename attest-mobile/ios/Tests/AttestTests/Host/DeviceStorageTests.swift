import AttestNative
import Foundation
import Security
import XCTest

@testable import Attest

/// The registration in the Keychain, the policy in a file, and the marker that says whose they are.
final class DeviceStorageTests: HostTestCase {
    func testKeepsWhatItIsGiven() async throws {
        for name in names {
            let storage = storage()
            XCTAssertNil(try storage.get(name: name))
            XCTAssertNoThrow(try storage.delete(name: name))
            try storage.put(name: name, blob: Data("one".utf8))
            try storage.put(name: name, blob: Data("two".utf8))
            XCTAssertEqual(try self.storage().get(name: name), Data("two".utf8))
            try storage.delete(name: name)
            XCTAssertNil(try storage.get(name: name))
        }
    }

    func testOnlyThePolicyIsAFile() async throws {
        let storage = storage()
        for name in names { try storage.put(name: name, blob: Data("x".utf8)) }
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted(), ["attest-policy", "installation"])
        XCTAssertEqual(StandInKeychain.shared.count.items, names.count - 1)
    }

    func testIsNotTheNextInstallations() async throws {
        for spoil in [removeFolder, truncateMarker] {
            for name in names { try storage().put(name: name, blob: Data("x".utf8)) }
            try spoil()
            let storage = storage()
            XCTAssertNil(try storage.get(name: "attest-state"))
            XCTAssertEqual(StandInKeychain.shared.count.items, 0)
            try storage.put(name: "attest-state", blob: Data("y".utf8))
            XCTAssertEqual(try self.storage().get(name: "attest-state"), Data("y".utf8))
        }
    }

    func testAPurgeThatFailsIsBegunAgain() async throws {
        try storage().put(name: "attest-state", blob: Data("x".utf8))
        try removeFolder()
        refuse("SecItemDelete", errSecInteractionNotAllowed)
        let storage = storage()
        assert(.Failed) { try storage.get(name: "attest-state") }
        assert(.Failed) { try storage.put(name: "attest-policy", blob: Data()) }
        StandInKeychain.shared.listener = nil
        XCTAssertNil(try storage.get(name: "attest-state"))
    }

    func testFailsWhereTheSystemDoes() async throws {
        let storage = storage()
        for (call, work) in [
            ("SecItemCopyMatching", { _ = try storage.get(name: "attest-state") }),
            ("SecItemUpdate", { try storage.put(name: "attest-state", blob: Data()) }),
            ("SecItemAdd", { try storage.put(name: "attest-state", blob: Data()) }),
            ("SecItemDelete", { try storage.delete(name: "attest-state") }),
        ] as [(String, () throws -> Void)] {
            StandInKeychain.shared.listener = nil
            _ = try storage.get(name: "attest-state")
            refuse(call, errSecInteractionNotAllowed)
            assert(.Failed, work)
        }
        // A folder stands where the file should.
        try FileManager.default.createDirectory(at: policy, withIntermediateDirectories: true)
        assert(.Failed) { try storage.get(name: "attest-policy") }
        assert(.Failed) { try storage.put(name: "attest-policy", blob: Data()) }
    }

    func testWhatIsTooLongIsAsGoodAsGone() async throws {
        let storage = storage()
        try storage.put(name: "attest-policy", blob: Data("x".utf8))
        let file = try FileHandle(forWritingTo: policy)
        try file.truncate(atOffset: 8 << 20)
        XCTAssertEqual(try storage.get(name: "attest-policy")?.count, 8 << 20)
        try file.truncate(atOffset: 8 << 20 + 1)
        XCTAssertNil(try storage.get(name: "attest-policy"))
    }

    private let names = ["attest-state", "attest-policy", "another"]

    private var policy: URL { folder.appendingPathComponent("attest-policy") }

    private func storage() -> DeviceStorage { DeviceStorage(installation: installation(), keychain: keychain) }

    private func removeFolder() throws {
        try FileManager.default.removeItem(at: folder)
    }

    private func truncateMarker() throws {
        try Data("att".utf8).write(to: folder.appendingPathComponent("installation"))
    }
}
