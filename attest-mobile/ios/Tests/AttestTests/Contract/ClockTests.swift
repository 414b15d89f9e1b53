import Foundation
import XCTest

@testable import Attest

/// The contract's scenarios about a phone whose clock is wrong.
final class ClockTests: PhoneTestCase {
    func testClockWrongAtStart() async throws {
        for years in [-2, 2] as [Int64] {
            let phone = try phone()
            phone.clock.setWrong(bySeconds: years * 365 * 86_400)
            let attest = try phone.start()
            try await passes(attest, phone)
            assertServerTime(attest)
            attest.close()
        }
    }

    func testClockSetWhileRunning() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        for days in [-400, 400, 0] as [Int64] {
            phone.clock.setWrong(bySeconds: days * 86_400)
            try await passes(attest, phone)
            let paid = try await attest.sent(phone.request("payments", body: "{}"))
            XCTAssertEqual(paid.status, 200)
            assertServerTime(attest)
        }
    }

    private func assertServerTime(_ attest: Library, line: UInt = #line) {
        XCTAssertEqual(attest.status().serverTime.timeIntervalSinceNow, 0, accuracy: 60, line: line)
    }
}
