import AttestNative
import CryptoKit
import Foundation
import Security
import XCTest

@testable import Attest

/// The stand-in makes a key only with the attributes that are wanted: this device only, from the first unlock on, without asking the user.
final class SecureEnclaveKeyTests: HostTestCase {
    func testSignsAsTheServiceReadsIt() async throws {
        let key = key()
        let point = try key.generate(challenge: challenge)
        XCTAssertEqual(try key.publicKey(), point)
        let open = try P256.Signing.PublicKey(x963Representation: point)
        let input = Data("signing input".utf8)
        // Integers in DER are of several lengths.
        for _ in 0..<300 {
            let raw = try key.sign(signingInput: input)
            XCTAssertEqual(raw.count, 64)
            XCTAssertTrue(open.isValidSignature(try .init(rawRepresentation: raw), for: input))
        }
    }

    func testIsFoundAfterARestart() async throws {
        let point = try key().generate(challenge: challenge)
        XCTAssertEqual(try key().publicKey(), point)
    }

    func testANewKeyTakesTheOldOnesPlace() async throws {
        let key = key()
        let first = try key.generate(challenge: challenge)
        XCTAssertNotEqual(try key.generate(challenge: challenge), first)
        XCTAssertEqual(StandInKeychain.shared.count.keys, 1)
    }

    func testIsGoneOnlyWhenItIsGone() async throws {
        let key = key()
        assert(.Gone) { try key.publicKey() }
        _ = try key.generate(challenge: challenge)
        refuse("SecItemCopyMatching", errSecInteractionNotAllowed)
        assert(.Failed) { try key.publicKey() }
        assert(.Failed) { try key.sign(signingInput: challenge) }
        refuse("SecKeyCreateSignature", errSecIO)
        assert(.Failed) { try key.sign(signingInput: challenge) }
        StandInKeychain.shared.listener = nil
        XCTAssertNoThrow(try key.sign(signingInput: challenge))
        StandInKeychain.shared.loseKeys()
        assert(.Gone) { try key.publicKey() }
        assert(.Gone) { try key.sign(signingInput: challenge) }
    }

    func testFailsWhereTheHardwareDoes() async throws {
        refuse("SecKeyCreateRandomKey", errSecIO)
        assert(.Failed) { try key().generate(challenge: challenge) }
        refuse("SecItemDelete", errSecInteractionNotAllowed)
        assert(.Failed) { try key().delete() }
    }

    func testIsNotTheNextInstallations() async throws {
        _ = try key().generate(challenge: challenge)
        try FileManager.default.removeItem(at: folder)
        assert(.Gone) { try key().publicKey() }
        XCTAssertEqual(StandInKeychain.shared.count.keys, 0)
    }

    func testIsDeleted() async throws {
        let key = key()
        _ = try key.generate(challenge: challenge)
        try key.delete()
        XCTAssertEqual(StandInKeychain.shared.count.keys, 0)
        assert(.Gone) { try key.publicKey() }
        XCTAssertNoThrow(try key.delete())
    }

    private let challenge = Data(repeating: 1, count: 32)
}

/// Signatures in DER, as Security writes them.
final class SignatureTests: XCTestCase {
    func testReadsIntegersOfEveryLength() {
        let long = [UInt8](repeating: 0xff, count: 32)
        check([0x30, 6, 2, 1, 1, 2, 1, 2], [UInt8](repeating: 0, count: 31) + [1] + [UInt8](repeating: 0, count: 31) + [2])
        check([0x30, 70, 2, 33, 0] + long + [2, 33, 0] + long, long + long)
        check([0x30, 6, 2, 1, 0, 2, 1, 0], [UInt8](repeating: 0, count: 64))
    }

    func testRefusesWhatIsNone() {
        let long = [UInt8](repeating: 0xff, count: 33)
        for der: [UInt8] in [
            [], [0x30], [0x30, 0], [0x31, 6, 2, 1, 1, 2, 1, 2], [0x30, 5, 2, 1, 1, 2, 1, 2], [0x30, 6, 2, 1, 1, 3, 1, 2],
            [0x30, 6, 2, 1, 1, 2, 2, 2], [0x30, 5, 2, 0, 2, 1, 2], [0x30, 3, 2, 1, 1], [0x30, 9, 2, 1, 1, 2, 1, 2, 2, 1, 3],
            [0x30, 70, 2, 33] + long + [2, 33] + long,
        ] { check(der, nil) }
    }

    private func check(_ der: [UInt8], _ raw: [UInt8]?, line: UInt = #line) {
        XCTAssertEqual(rawSignature(der: Data(der)), raw.map { Data($0) }, line: line)
    }
}
