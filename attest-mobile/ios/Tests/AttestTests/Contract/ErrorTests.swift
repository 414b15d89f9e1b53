import AttestNative
import Foundation
import FoundationNetworking
import XCTest

@testable import Attest

/// The contract's scenarios about the errors that an app sees.
final class ErrorTests: PhoneTestCase {
    func testErrorOffline() async throws {
        let phone = try phone()
        phone.settings.serviceUrl = "https://localhost:\(freePort())/.attest/v1"
        let attest = try phone.start()
        let offline = await error { try await attest.ready() }
        guard case .offline = offline else { return XCTFail("\(String(describing: offline))") }
    }

    func testErrorTryLater() async throws {
        let phone = try phone()
        phone.hooks.reply = { request in
            guard request.url.hasSuffix("enroll") else { return nil }
            let problem = """
                {"type":"urn:attest:problem:overloaded","title":"Later.","status":503,"retry":"later","support":"x",\
                "retry_after_s":40}
                """
            let kind = Named(name: "content-type", value: "application/problem+json")
            return Reply(status: 503, headers: [kind], body: Data(problem.utf8))
        }
        let attest = try phone.start()
        let later = await error { try await attest.ready() }
        guard case .tryLater("overloaded", let seconds) = later else { return XCTFail("\(String(describing: later))") }
        XCTAssertGreaterThanOrEqual(seconds, 30)
        XCTAssertLessThanOrEqual(seconds, 70)
    }

    func testErrorUpdateApp() async throws {
        let phone = try phone()
        let newer = NewerPolicy(gateway: phone.gateway, engine: 4000)
        phone.hooks.answered = { request, reply in
            guard request.url.contains("/policy/bundle"), reply.status == 200 else { return reply }
            return Reply(status: reply.status, headers: reply.headers, body: try newer.bundle(reply.body))
        }
        let attest = try phone.start()
        let update = await error { try await attest.ready() }
        XCTAssertEqual(update, .updateApp)
    }

    func testErrorRefused() async throws {
        let phone = try phone()
        phone.settings.appVersion = "0.9"
        let attest = try phone.start()
        let refused = await error { try await attest.ready() }
        guard case .refused(let code, let support) = refused else { return XCTFail("\(String(describing: refused))") }
        XCTAssertEqual(code, "evidence-refused")
        XCTAssertGreaterThan(support.count, 20)
    }

    func testErrorMisconfigured() async throws {
        let phone = try phone()
        phone.settings.app = "nobody"
        let attest = try phone.start()
        let misconfigured = await error { try await attest.ready() }
        XCTAssertEqual(misconfigured, .misconfigured(code: "app-unknown"))
    }

    func testWrongConfiguration() throws {
        let phone = try phone()
        func check(_ code: String, _ spoil: (inout AttestSettings) -> Void, line: UInt = #line) {
            var settings = phone.settings
            spoil(&settings)
            XCTAssertThrowsError(try Library.start(settings), line: line) {
                XCTAssertEqual(LibraryError($0), .misconfigured(code: code), line: line)
            }
        }
        check("config-service-url") { $0.serviceUrl = "api.bank.example" }
        check("config-plain-http") {
            $0.qaIdentity = false
            $0.environment = .production
            $0.serviceUrl = "http://api.bank.example"
        }
        check("qa-identity-in-production") { $0.environment = .production }
        check("config-app") { $0.app = "" }
        check("config-policy-root-missing") { $0.policyRoot = Data() }
        check("config-policy-root") { $0.policyRoot = Data("{}".utf8) }
        check("config-origin") { $0.origins = ["bank"] }
        check("config-bound") { $0.callTimeout = 0 }
        check("config-bound") { $0.patience = -1 }
        check("config-bound") { $0.rideOut = .infinity }
        let open = try? phone.start()
        check("already-started") { _ in }
        open?.close()
    }

    func testProductionRefusesQa() async throws {
        let phone = try Phone(Gateway(production: true) { $0.evidence = "[app_attest]" })
        let attest = try phone.start()
        let refused = await error { try await attest.ready() }
        XCTAssertEqual(refused, .misconfigured(code: "policy-environment"))
        XCTAssertEqual(phone.hooks.count("key.generate"), 0)
    }
}
