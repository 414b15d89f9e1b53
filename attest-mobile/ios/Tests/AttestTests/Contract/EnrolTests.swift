import Foundation
import FoundationNetworking
import XCTest

@testable import Attest

/// The contract's scenarios about enrolment and sessions.
final class EnrolTests: PhoneTestCase {
    func testEnrolsAndMints() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        let sent = try await attest.sent(phone.request("login", body: "{}"))
        XCTAssertEqual(sent.status, 200)
        XCTAssertEqual(sent.header("attest-app"), "bank-ios")
        XCTAssertNil(sent.header("attest-token"), "tokens end at the gateway")
        let status = attest.status()
        XCTAssertTrue(status.isEnrolled)
        XCTAssertEqual(status.policyVersion, 1)
        XCTAssertEqual(status.sessions, 1)
        XCTAssertGreaterThan(status.sessionEndsIn ?? 0, 0)
        XCTAssertNotNil(status.device)
    }

    func testStartsWithoutWaiting() async throws {
        let phone = try phone()
        let gate = phone.hooks.hold("transport")
        let attest = try phone.start()
        XCTAssertFalse(attest.status().isEnrolled)
        let asked = Task { try await attest.authorize(phone.request("login", body: "{}")) }
        try gate.waitForArrival()
        gate.open()
        let authorized = try await asked.value
        XCTAssertNotNil(authorized.value(forHTTPHeaderField: "Attest-Token"))
    }

    func testAsksNothingOnTheMainThread() async throws {
        let phone = try phone()
        let attest = try await onMainActor {
            XCTAssertTrue(Thread.isMainThread)
            return try phone.start()
        }
        try await attest.ready()
        _ = try await attest.sent(phone.request("payments", body: "{}"))
        try await attest.forget()
        for part in ["transport", "key", "storage", "observer", "clock"] {
            XCTAssertTrue(phone.hooks.calls.contains { $0.hasPrefix(part) }, part)
        }
        // A clock is read wherever the time is needed; it does not wait.
        XCTAssertEqual(phone.hooks.callsOnMain.filter { !$0.hasPrefix("clock") }, [])
    }

    func testLeavesOtherOriginsAlone() async throws {
        let phone = try phone()
        phone.settings.origins = [phone.gateway.origin]
        let gate = phone.hooks.hold("transport")
        defer { gate.open() }
        let attest = try phone.start()
        let foreign = URLRequest(url: URL(string: "https://elsewhere.example/v1/login")!)
        let authorized = try await attest.authorize(foreign)
        XCTAssertEqual(authorized.allHTTPHeaderFields ?? [:], [:])
    }

    func testResumesAfterARestart() async throws {
        let phone = try phone()
        let first = try await phone.started()
        let device = first.status().device
        first.close()
        let second = try await phone.started()
        XCTAssertEqual(second.status().device, device)
        XCTAssertEqual(phone.hooks.count("transport.send enroll"), 1)
        XCTAssertEqual(phone.hooks.count("transport.send renew"), 1)
        XCTAssertEqual(phone.hooks.count("key.generate"), 1)
    }

    func testForgets() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        let device = attest.status().device
        try await attest.forget()
        XCTAssertFalse(attest.status().isEnrolled)
        let sent = try await attest.sent(phone.request("login", body: "{}"))
        XCTAssertEqual(sent.status, 200)
        XCTAssertNotEqual(attest.status().device, device)
        XCTAssertEqual(phone.hooks.count("key.delete"), 1)
    }

    func testManyAtOnce() async throws {
        let phone = try phone()
        let attest = try phone.start()
        let tokens = try await withThrowingTaskGroup(of: String?.self) { group in
            for number in 0..<64 {
                group.addTask {
                    let request = phone.request("login", body: "{\"number\":\(number)}")
                    return try await attest.authorize(request).value(forHTTPHeaderField: "Attest-Token")
                }
            }
            return try await group.reduce(into: Set<String>()) { if let token = $1 { $0.insert(token) } }
        }
        XCTAssertEqual(tokens.count, 64)
        XCTAssertEqual(phone.hooks.count("transport.send enroll"), 1)
    }

    func testCancelledInTheMiddle() async throws {
        let phone = try phone()
        let gate = phone.hooks.hold("transport")
        let attest = try phone.start()
        let session = URLSession(configuration: .protected(by: attest))
        let cancelled = session.dataTask(with: phone.request("login", body: "{}"))
        let other = Task { try await attest.sent(phone.request("login", body: "{}")) }
        cancelled.resume()
        try gate.waitForArrival()
        cancelled.cancel()
        gate.open()
        let status = try await other.value.status
        XCTAssertEqual(status, 200)
        XCTAssertEqual(phone.hooks.count("transport.send enroll"), 1)
    }

    func testStops() async throws {
        let phone = try phone()
        let gate = phone.hooks.hold("transport")
        defer { gate.open() }
        let attest = try phone.start()
        let waiting = Task { await self.error { try await attest.ready() } }
        try gate.waitForArrival()
        attest.close()
        let stopped = LibraryError.misconfigured(code: "stopped")
        let waited = await waiting.value
        XCTAssertEqual(waited, stopped)
        attest.close()
        let request = phone.request("login", body: "{}")
        let late = [
            await error { try await attest.ready() },
            await error { _ = try await attest.authorize(request) },
            await error { try await attest.forget() },
            await error { _ = try await attest.sent(request) },
        ]
        XCTAssertEqual(late, [stopped, stopped, stopped, stopped])
        XCTAssertFalse(attest.diagnostics().isEmpty)
    }

    private func onMainActor(_ work: @escaping @MainActor @Sendable () throws -> Library) async throws -> Library {
        try await MainActor.run(body: work)
    }
}
