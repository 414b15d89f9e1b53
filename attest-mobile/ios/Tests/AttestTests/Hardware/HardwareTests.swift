import DeviceCheck
import Foundation
import Security
import XCTest

@testable import Attest

/// The way that apps of users go: Secure Enclave and App Attest, here stand-ins with real cryptography, against a real gateway that
/// appraises what they say.
final class HardwareTests: PhoneTestCase {
    private static let apple = Result { try PlayedApple() }
    override class func makeGateway() throws -> Gateway {
        let apple = try Self.apple.get()
        return try Gateway {
            $0.evidence = "[app_attest]"
            $0.more = apple.anchors
        }
    }

    override func setUp() {
        super.setUp()
        DCAppAttestService.shared.standIn = try? Self.apple.get()
    }

    override func tearDown() {
        super.tearDown()
        DCAppAttestService.shared.standIn = nil
    }

    func testEnrolsPaysAndRenews() async throws {
        let phone = try hardwarePhone()
        let before = try Self.apple.get().calls.all.count
        let attest = try await phone.started()
        try await pays(attest, phone)
        let device = attest.status().device
        attest.close()
        let next = try await phone.started()
        try await pays(next, phone)
        XCTAssertEqual(next.status().device, device)
        XCTAssertEqual(try Self.apple.get().calls.all.dropFirst(before), ["generate", "attest", "assert"])
        XCTAssertEqual(phone.hooks.count("key.generate"), 1)
        XCTAssertEqual(StandInKeychain.shared.count.keys, 1)
    }

    func testEnrolsAnewWithoutItsKeys() async throws {
        for lose in [{ StandInKeychain.shared.loseKeys() }, { try Self.apple.get().forgetKeys() }] as [() throws -> Void] {
            let phone = try hardwarePhone()
            let attest = try await phone.started()
            let device = attest.status().device
            attest.close()
            try lose()
            let next = try phone.start()
            try await pays(next, phone)
            XCTAssertNotEqual(next.status().device, device)
            XCTAssertEqual(phone.hooks.count("key.generate"), 2)
            next.close()
            StandInKeychain.shared.reset()
        }
    }

    func testIsRefusedWithoutApple() async throws {
        // A phone may also have no App Attest at all.
        for (stranger, code) in [(try PlayedApple(), "evidence-refused"), (nil, "evidence-malformed")] {
            DCAppAttestService.shared.standIn = stranger
            let phone = try hardwarePhone()
            let attest = try phone.start()
            let refused = await error { try await attest.ready() }
            guard case .refused(code, _) = refused else { return XCTFail("\(String(describing: refused))") }
            attest.close()
            StandInKeychain.shared.reset()
        }
    }

    private func hardwarePhone() throws -> Phone {
        let phone = try phone()
        phone.settings.qaIdentity = false
        return phone
    }

    /// With a proof by the device key.
    private func pays(_ attest: Library, _ phone: Phone) async throws {
        let paid = try await attest.sent(phone.request("payments", body: "{}"))
        XCTAssertEqual(paid.status, 200)
    }
}
