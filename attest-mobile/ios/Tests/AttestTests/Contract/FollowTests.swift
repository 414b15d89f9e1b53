import Foundation
import FoundationNetworking
import XCTest

@testable import Attest

/// The contract's scenarios about refusals and what follows from them. These change their gateway, so each has its own.
final class FollowTests: PhoneTestCase {
    func testRefreshesThePolicy() async throws {
        let phone = try Phone(Gateway())
        let attest = try await phone.started()
        XCTAssertEqual(attest.status().policyVersion, 1)
        try phone.gateway.publish { $0.minPolicy = 2 }
        let sent = try await attest.sent(phone.request("careful"))
        XCTAssertEqual(sent.status, 200)
        XCTAssertEqual(attest.status().policyVersion, 2)
    }

    func testFollowsARenewal() async throws {
        let phone = try Phone(Gateway())
        let attest = try await phone.started()
        try phone.gateway.cutSessions()
        let asked = phone.request("login", body: "{}")
        let cut = try await plain.sent(attest.authorize(asked))
        XCTAssertEqual(cut.refusal?.code, "session-cut")
        let sent = try await attest.sent(asked)
        XCTAssertEqual(sent.status, 200)
        XCTAssertEqual(attest.status().sessions, 2)
        XCTAssertEqual(phone.hooks.count("transport.send renew"), 1)
    }

    func testCompletesAStepUp() async throws {
        let phone = try phone()
        let asked = Seen<AttestStepUp>()
        let device = Seen<String>()
        phone.settings.stepUp = { [policy = phone.gateway.policy] stepUp in
            asked.add(stepUp)
            return try policy.completion(of: stepUp.id, device: device.all[0])
        }
        let attest = try await phone.started()
        let login = try await attest.sent(phone.request("login", body: "{}"))
        device.add(try XCTUnwrap(login.header("attest-device")))
        let sent = try await attest.sent(phone.request("payees", body: #"{"iban":"DE02"}"#))
        XCTAssertEqual(sent.status, 200)
        XCTAssertEqual(asked.all.map(\.issuer), ["https://otp.bank.example"])
    }

    func testRefusedDevice() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        let sent = try await attest.sent(phone.request("refused"))
        let refusal = try XCTUnwrap(sent.refusal)
        XCTAssertEqual(refusal.code, "denied")
        XCTAssertEqual(refusal.status, 403)
        XCTAssertEqual(refusal.retry, "none")
        XCTAssertGreaterThan(refusal.support.count, 20)
        XCTAssertEqual(phone.notices.count("refused"), 1)
        XCTAssertTrue(attest.diagnostics().contains(refusal.support))
    }

    func testErrorStepUpDeclined() async throws {
        for handler in [nil, { _ in nil }] as [StepUpHandler?] {
            let phone = try phone()
            phone.settings.stepUp = handler
            let attest = try await phone.started()
            let request = phone.request("payees", body: #"{"iban":"DE02"}"#)
            let declined = await error { _ = try await attest.sent(request) }
            XCTAssertEqual(declined, .stepUpDeclined)
            attest.close()
        }
    }
}
