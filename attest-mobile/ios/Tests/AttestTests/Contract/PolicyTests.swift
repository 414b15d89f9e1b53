import AttestNative
import Foundation
import XCTest

@testable import Attest

/// Who stands between the phone and its policy.
final class PolicyTests: PhoneTestCase {
    func testRefusesHostilePolicies() async throws {
        let stranger = try Gateway()
        let phone = try Phone(Gateway())
        phone.settings.rideOut = 0.001
        phone.settings.patience = 0.5
        let bundles = Seen<Data>()
        phone.hooks.answered = { request, reply in
            if request.isForPolicy { bundles.add(reply.body) }
            return reply
        }
        let attest = try await phone.started()
        let first = try XCTUnwrap(bundles.all.first)
        let address = try XCTUnwrap(URL(string: stranger.serviceUrl + "/policy/bundle?root=1"))
        let (strangers, _) = try await plain.data(from: address)

        try phone.gateway.publish { $0.minPolicy = 2 }
        let attacks: [(String, @Sendable (Data) -> Data)] = [
            ("nothing", { _ in Data() }),
            ("garbage", { _ in Data((0..<5_000).map { UInt8($0 % 256) }) }),
            ("half", { $0.prefix($0.count / 2) }),
            ("a digit changed", { $0.withOneDigitChanged }),
            ("the same as before", { _ in first }),
            ("another operator's", { _ in strangers }),
        ]
        for (name, attack) in attacks {
            phone.hooks.answered = { request, reply in request.isForPolicy ? reply.with(attack(reply.body)) : reply }
            try await resists(name, attest, phone, keeping: 1)
        }
        try await recovers(attest, phone, to: 2)

        // What was in force once never comes back, however well it is signed.
        try phone.gateway.publish { $0.minPolicy = 3 }
        phone.hooks.answered = { request, reply in request.isForPolicy ? reply.with(first) : reply }
        try await resists("an older policy", attest, phone, keeping: 2)
        try await recovers(attest, phone, to: 3)
    }

    /// The phone asks, is attacked, ends the request in a typed way, and keeps what it has.
    private func resists(_ name: String, _ attest: Library, _ phone: Phone, keeping version: UInt64) async throws {
        let before = phone.hooks.count(Self.asks)
        try await inTime(phone) {
            do {
                let sent = try await attest.sent(phone.request("careful"))
                XCTAssertGreaterThanOrEqual(sent.status, 400, name)
            } catch {
                XCTAssertNotNil(LibraryError(error), "\(name): \(error)")
            }
            return phone.hooks.count(Self.asks) > before
        }
        XCTAssertEqual(attest.status().policyVersion, version, name)
    }

    private func recovers(_ attest: Library, _ phone: Phone, to version: UInt64) async throws {
        phone.hooks.heal()
        try await inTime(phone) { (try? await attest.sent(phone.request("careful")))?.status == 200 }
        XCTAssertEqual(attest.status().policyVersion, version)
    }

    /// The library rests between attempts by the phone's clock: lets a minute pass on it, and another only when that was not enough, as
    /// the time of what is under way passes with it.
    private func inTime(_ phone: Phone, _ holds: () async throws -> Bool) async throws {
        var passed = Date.distantPast
        try await eventually {
            if passed.timeIntervalSinceNow < -2 {
                phone.clock.pass(seconds: 61)
                passed = Date()
            }
            return try await holds()
        }
    }

    private static let asks = "transport.send bundle"
}

extension ServiceRequest {
    fileprivate var isForPolicy: Bool { url.contains("/policy/bundle") }
}

extension Reply {
    fileprivate func with(_ body: Data) -> Reply { Reply(status: status, headers: headers, body: body) }
}

extension Data {
    /// The digit of a version, a length or a hash: whatever it is, it was signed or named by what was signed.
    fileprivate var withOneDigitChanged: Data {
        var bytes = [UInt8](self)
        let digits = UInt8(ascii: "0")...UInt8(ascii: "8")
        if let at = bytes.indices.dropFirst(bytes.count / 3).first(where: { digits.contains(bytes[$0]) }) { bytes[at] += 1 }
        return Data(bytes)
    }
}
