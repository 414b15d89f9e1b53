import Attest
import Foundation
import XCTest

@testable import BankModel

/// A bank with its gateway, a customer's phone, and what was seen there.
@MainActor
final class Story {
    let gateway: Gateway
    let transcript = Transcript()
    private(set) var model: BankModel
    private static var told: [Story] = []

    /// The app runs where `home` is its own folder, as far as it can see.
    init(home: String = "Containers/Data/Application/0F1E2D3C") throws {
        gateway = try Gateway()
        let folder = try freshFolder().appendingPathComponent(home)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        setenv("HOME", folder.path, 1)
        let bank = try XCTUnwrap(URL(string: gateway.origin))
        model = try BankModel(Self.settings(gateway, folder), bank: bank) { [gateway] stepUp, code in
            // The issuer knows the device by the name that the gateway gave to the bank.
            try gateway.policy.completion(of: stepUp.id, device: code)
        }
        // Foundation on Linux crashes when it frees a session that has sent anything.
        Self.told.append(self)
    }

    static func settings(_ gateway: Gateway, _ folder: URL) -> AttestSettings {
        var settings = AttestSettings(serviceUrl: gateway.serviceUrl, app: "bank-ios", policyRoot: gateway.root)
        settings.environment = .development
        settings.qaIdentity = true
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
            return model.state.paid.last.map { "\(model.state.paid.count) paid, the last to the \($0.recipient)" }
                ?? "nothing paid yet"
        }
    }
}
