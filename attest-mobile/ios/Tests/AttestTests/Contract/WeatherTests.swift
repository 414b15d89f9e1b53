import AttestNative
import Foundation
import XCTest

@testable import Attest

/// The contract's scenarios about networks, services and callbacks at their worst, and that it all passes when they are well again.
final class WeatherTests: PhoneTestCase {
    func testCallbacksThatThrow() async throws {
        struct Strange: Error {}
        let errors: [any Error] = [
            Strange(), HostFailure.Oversized, CancellationError(), NSError(domain: NSCocoaErrorDomain, code: 640),
        ]
        for error in errors {
            for part in ["transport", "key", "storage"] {
                let phone = try restless()
                phone.hooks.spoil(part, with: error)
                let attest = try phone.start()
                _ = await self.error { try await attest.ready() }
                phone.hooks.heal()
                try await recovers(attest, phone)
                attest.close()
            }
            let phone = try phone()
            phone.hooks.spoil("observer", with: error)
            phone.settings.stepUp = { _ in throw error }
            let attest = try await phone.started()
            phone.hooks.spoil("clock", with: error)
            try await passes(attest, phone)
            phone.hooks.heal()
            let request = phone.request("payees", body: "{}")
            let declined = await self.error { _ = try await attest.sent(request) }
            XCTAssertEqual(declined, .stepUpDeclined)
            attest.close()
        }
    }

    func testCallbacksThatHang() async throws {
        for part in ["transport", "key", "storage"] {
            let phone = try restless()
            let gate = phone.hooks.hold(part)
            let attest = try phone.start()
            _ = await error { try await attest.ready() }
            phone.hooks.heal()
            gate.open()
            try await recovers(attest, phone)
            attest.close()
        }
    }

    func testCaptivePortal() async throws {
        let phone = try restless()
        phone.hooks.reply = { _ in
            let html = Data("<html>Welcome to our hotel</html>".utf8)
            return Reply(status: 200, headers: [Named(name: "content-type", value: "text/html")], body: html)
        }
        let attest = try phone.start()
        let offline = await error { try await attest.ready() }
        XCTAssertEqual(offline, .offline(code: "reply-unreadable"))
        phone.hooks.heal()
        try await recovers(attest, phone)
    }

    /// By a real server, through the library's own transport.
    func testHostileService() async throws {
        let hostile = try Server(certificate: Authority.trusted.certificate(for: "localhost"))
        for vice in ["garbage", "endless", "truncated", "redirect", "closed", "silent", "echo", "empty", "deep", "later"] {
            let phone = try restless()
            phone.hooks.routed = { _ in hostile.url("/" + vice) }
            let attest = try phone.start()
            let failure = await error { try await attest.ready() }
            switch failure {
            case .offline, .tryLater: break
            default: XCTFail("\(vice): \(String(describing: failure))")
            }
            phone.hooks.heal()
            try await recovers(attest, phone)
            attest.close()
        }
    }

    func testGatewayDownThenBack() async throws {
        let phone = try Phone(Gateway())
        phone.gateway.stop()
        let attest = try phone.start()
        let offline = await error { try await attest.ready() }
        guard case .offline = offline else { return XCTFail("\(String(describing: offline))") }
        try phone.gateway.start()
        attest.native.connectivityRestored()
        try await attest.ready()
        try await passes(attest, phone)
        phone.gateway.stop()
        // With a session, tokens are minted without the gateway.
        _ = try await attest.authorize(phone.request("login", body: "{}"))
        try phone.gateway.start()
        try await passes(attest, phone)
    }

    /// A phone that gives up soon.
    private func restless() throws -> Phone {
        let phone = try phone()
        phone.settings.rideOut = 0.001
        phone.settings.callTimeout = 2
        return phone
    }

    /// The library rests between attempts by the phone's clock: lets an hour pass on it, and another only when that was not enough, as
    /// the time of what is under way passes with it.
    private func recovers(_ attest: Library, _ phone: Phone) async throws {
        var passed = Date.distantPast
        try await eventually {
            if passed.timeIntervalSinceNow < -5 {
                phone.clock.pass(seconds: 3600)
                attest.native.connectivityRestored()
                passed = Date()
            }
            return (try? await attest.ready()) != nil
        }
        try await passes(attest, phone)
    }
}
