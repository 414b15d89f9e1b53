import AttestNative
import DeviceCheck
import Foundation
import XCTest

@testable import Attest

final class AppAttestTests: HostTestCase {
    private let service = PlayedAppAttest()

    override func setUp() async throws {
        try await super.setUp()
        DCAppAttestService.shared.standIn = service
    }

    override func tearDown() async throws {
        DCAppAttestService.shared.standIn = nil
        try await super.tearDown()
    }

    func testAttestsOnceAndAssertsFromThenOn() async throws {
        XCTAssertEqual(try vouch(.enroll), .appAttest(object: Data("attested".utf8), keyId: "key 1"))
        XCTAssertEqual(try vouch(.renew), .appAttestAssertion(object: Data("asserted".utf8)))
        XCTAssertEqual(try vouch(.renew), .appAttestAssertion(object: Data("asserted".utf8)))
        XCTAssertEqual(service.calls.all, ["generate", "attest key 1 \(hash.count)", "assert key 1 \(hash.count)", "assert key 1 \(hash.count)"])
    }

    func testThereMayBeNone() async throws {
        service.isSupported = false
        XCTAssertNil(try vouch(.enroll))
        XCTAssertNil(try vouch(.renew))
        DCAppAttestService.shared.standIn = nil
        XCTAssertNil(try vouch(.enroll))
        XCTAssertEqual(service.calls.all, [])
    }

    /// Apple rations keys, and wants the same one to be tried again.
    func testAKeyThatHasNotAttestedIsTriedAgain() async throws {
        service.error = DCError(.serverUnavailable)
        assert(.Failed) { try vouch(.enroll) }
        assert(.Failed) { try vouch(.enroll) }
        service.error = nil
        _ = try key().generate(challenge: hash)
        XCTAssertEqual(try vouch(.enroll), .appAttest(object: Data("attested".utf8), keyId: "key 1"))
        XCTAssertEqual(service.calls.all.filter { $0 == "generate" }.count, 1)
    }

    func testAKeyThatAppleDoesNotKnowIsReplaced() async throws {
        service.error = DCError(.invalidKey)
        assert(.Failed) { try vouch(.enroll) }
        service.error = nil
        XCTAssertEqual(try vouch(.enroll), .appAttest(object: Data("attested".utf8), keyId: "key 2"))
        service.error = DCError(.invalidKey)
        assert(.Gone) { try vouch(.renew) }
        service.error = nil
        assert(.Gone) { try vouch(.renew) }
        XCTAssertEqual(try vouch(.enroll), .appAttest(object: Data("attested".utf8), keyId: "key 3"))
    }

    /// An attestation is about one device key.
    func testANewDeviceKeyNeedsANewOne() async throws {
        _ = try vouch(.enroll)
        _ = try key().generate(challenge: hash)
        assert(.Gone) { try vouch(.renew) }
        XCTAssertEqual(try vouch(.enroll), .appAttest(object: Data("attested".utf8), keyId: "key 2"))
        try key().delete()
        assert(.Gone) { try vouch(.renew) }
    }

    func testOtherFailuresOfARenewalKeepTheKey() async throws {
        _ = try vouch(.enroll)
        for code in [DCError.Code.serverUnavailable, .unknownSystemFailure, .invalidInput] {
            service.error = DCError(code)
            assert(.Failed) { try vouch(.renew) }
        }
        service.error = nil
        XCTAssertNoThrow(try vouch(.renew))
    }

    func testWhatIsKeptOfItMayBeSpoiled() async throws {
        _ = try vouch(.enroll)
        try keychain.write("app-attest-key", Data("spoiled".utf8))
        assert(.Gone) { try vouch(.renew) }
        XCTAssertEqual(try vouch(.enroll), .appAttest(object: Data("attested".utf8), keyId: "key 2"))
    }

    func testDoesNotWaitForEver() async throws {
        let gate = Gate()
        defer { gate.open() }
        service.gate = gate
        let key = key(appAttest(timeout: 0.05))
        assert(.TimedOut) { try key.vouch(purpose: .enroll, clientDataHash: hash) }
    }

    private let hash = Data(repeating: 2, count: 32)

    private func vouch(_ purpose: Purpose) throws -> PlatformProof? {
        try key().vouch(purpose: purpose, clientDataHash: hash).platform
    }
}

/// App Attest without Apple: it does what a test says.
final class PlayedAppAttest: StandInAppAttest, @unchecked Sendable {
    let calls = Seen<String>()
    private let lock = NSLock()
    private var made = 0
    private var supported = true
    private var failure: (any Error)?
    private var held: Gate?

    var isSupported: Bool {
        get { lock.withLock { supported } }
        set { lock.withLock { supported = newValue } }
    }

    /// What attesting and asserting fail with.
    var error: (any Error)? {
        get { lock.withLock { failure } }
        set { lock.withLock { failure = newValue } }
    }

    /// What all calls wait for.
    var gate: Gate? {
        get { lock.withLock { held } }
        set { lock.withLock { held = newValue } }
    }

    func generateKey() throws -> String {
        calls.add("generate")
        gate?.pass()
        return lock.withLock {
            made += 1
            return "key \(made)"
        }
    }

    func attestKey(_ keyId: String, clientDataHash: Data) throws -> Data {
        calls.add("attest \(keyId) \(clientDataHash.count)")
        if let error { throw error }
        return Data("attested".utf8)
    }

    func generateAssertion(_ keyId: String, clientDataHash: Data) throws -> Data {
        calls.add("assert \(keyId) \(clientDataHash.count)")
        if let error { throw error }
        return Data("asserted".utf8)
    }
}
