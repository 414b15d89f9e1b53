import Attest
import Foundation

extension AttestSettings {
    /// The sample's settings. A debug build is for the gateway of the quickstart on this computer, and needs no hardware; a release
    /// build is for customers' phones, and cannot have a QA identity.
    public static func bank(policyRoot: Data) -> AttestSettings {
        #if DEBUG
            var settings = AttestSettings(
                serviceUrl: "http://127.0.0.1:8080/.attest/v1", app: "bank-ios", policyRoot: policyRoot)
            settings.environment = .development
            settings.qaIdentity = true
            settings.debugLog = { print("attest", $0) }
            return settings
        #else
            return AttestSettings(
                serviceUrl: "https://api.bank.example/.attest/v1", app: "bank-ios", policyRoot: policyRoot)
        #endif
    }
}
