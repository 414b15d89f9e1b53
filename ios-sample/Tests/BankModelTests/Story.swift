import Attest
import Foundation
import FoundationNetworking
import XCTest

@testable import BankModel

/// A bank with its gateway, a customer's phone, and what was seen there.
@MainActor
final class Story {
    let gateway: Gateway
    let transcript = Transcript()
    let model: BankModel
    /// What the gateway calls the device towards the bank, whose issuer knows it by that name.
    private let device = DeviceName()
    private static var told: [Story] = []

    /// What the issuer sends to the customer, and wants to be typed.
    nonisolated static let code = "2468"

    /// The app runs where `home` is its own folder, as far as it can see.
    init(
        _ gateway: Gateway, home: String = "Containers/Data/Application/0F1E2D3C",
        _ change: (inout AttestSettings) -> Void = { _ in }
    ) throws {
        self.gateway = gateway
        let folder = try freshFolder().appendingPathComponent(home)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        setenv("HOME", folder.path, 1)
        var settings = Self.settings(gateway, folder)
        change(&settings)
        let bank = try XCTUnwrap(URL(string: gateway.origin))
        let device = device
        model = try BankModel(settings, bank: bank) { [policy = gateway.policy] stepUp, code in
            guard code == Self.code else { return nil }
            return try policy.completion(of: stepUp.id, device: device.name)
        }
        // Foundation on Linux crashes when it frees a session that has sent anything.
        Self.told.append(self)
    }

    static func settings(_ gateway: Gateway, _ folder: URL) -> AttestSettings {
        var settings = AttestSettings.bank(policyRoot: gateway.root)
        settings.serviceUrl = gateway.serviceUrl
        settings.debugLog = nil
        settings.appVersion = "1.0"
        settings.folder = folder.appendingPathComponent("Library/attest")
        settings.patience = 60
        return settings
    }

    /// The customer does something, and the transcript says what the app shows then.
    func customer(_ does: String, _ act: (BankModel) async -> Void) async {
        transcript.say("customer", does)
        await act(model)
        transcript.say("app", shown)
    }

    /// The bank sends a code to the customer.
    func customerIsKnown() async throws {
        let bank = URLRequest(url: try XCTUnwrap(URL(string: gateway.origin + "/v1/balance")))
        let sent = try await model.attest.sent(bank)
        device.name = try XCTUnwrap(sent.header("attest-device"))
    }

    /// The operator asks what is behind the code that the app shows.
    func explanation() throws -> String {
        guard case .callUs(let support) = model.state.advice else { return "" }
        let configuration = gateway.folder.appendingPathComponent("attest.toml").path
        return try Gateway.attest(["explain", support, "--config", configuration])
    }

    private var shown: String {
        if let advice = model.state.advice { return advice.text }
        switch model.state.screen {
        case .onboarding: return "onboarding"
        case .login(let name): return "Hello \(name)"
        case .payments:
            return "paid: \(model.state.paid.count), payees: \(model.state.payees.count)"
        }
    }
}

/// What the issuer has learnt since the story began.
private final class DeviceName: @unchecked Sendable {
    private let lock = NSLock()
    private var known = ""

    var name: String {
        get { lock.withLock { known } }
        set { lock.withLock { known = newValue } }
    }
}
