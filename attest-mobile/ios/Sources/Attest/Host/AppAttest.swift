import AttestNative
import DeviceCheck
import Foundation

/// Apple's proof about device key and app. The App Attest key attests once, at enrolment, and signs an assertion at each renewal; what
/// ties it to the device key is the hash that both are about. Its id is kept beside the registration.
struct AppAttest: Sendable {
    let keychain: Keychain
    /// How long one of Apple's functions may take, seconds.
    let timeout: Double

    private var service: DCAppAttestService { .shared }

    /// `nil` where App Attest is not supported, as on a simulator.
    func vouch(purpose: Purpose, hash: Data) throws -> PlatformProof? {
        guard service.isSupported else { return nil }
        switch purpose {
        case .enroll: return try attest(hash)
        case .renew: return try assert(hash)
        }
    }

    /// Forgets a key that has attested; one that has not may still, and new ones are rationed.
    func deviceKeyChanged() throws {
        if let kept = try read(), kept.attested { try keychain.delete(Self.account) }
    }

    func forget() throws {
        try keychain.delete(Self.account)
    }

    private func attest(_ hash: Data) throws -> PlatformProof {
        let id = try unattestedKey()
        do {
            let object: Data = try answer { service.attestKey(id, clientDataHash: hash, completionHandler: $0) }
            try write(Kept(id: id, attested: true))
            return .appAttest(object: object, keyId: id)
        } catch let error as DCError where error.code == .invalidKey {
            // The next try begins with another key. In every other case Apple wants the same one to be tried again.
            try forget()
            throw HostFailure.Failed
        }
    }

    private func assert(_ hash: Data) throws -> PlatformProof {
        guard let kept = try read(), kept.attested else { throw HostFailure.Gone }
        do {
            let object: Data = try answer {
                service.generateAssertion(kept.id, clientDataHash: hash, completionHandler: $0)
            }
            return .appAttestAssertion(object: object)
        } catch let error as DCError where error.code == .invalidKey {
            try forget()
            throw HostFailure.Gone
        }
    }

    private func unattestedKey() throws -> String {
        if let kept = try read(), !kept.attested { return kept.id }
        let id: String = try answer { service.generateKey(completionHandler: $0) }
        try write(Kept(id: id, attested: false))
        return id
    }

    private func answer<Value>(_ ask: (@escaping @Sendable (Value?, Error?) -> Void) -> Void) throws -> Value {
        let answer = Answer<Value>()
        ask { answer.give($0, $1) }
        return try answer.wait(seconds: timeout)
    }

    private struct Kept: Codable {
        let id: String
        let attested: Bool
    }

    /// What cannot be read is as good as nothing: a new key is made.
    private func read() throws -> Kept? {
        try keychain.read(Self.account).flatMap { try? JSONDecoder().decode(Kept.self, from: $0) }
    }

    private func write(_ kept: Kept) throws {
        try keychain.write(Self.account, JSONEncoder().encode(kept))
    }

    private static let account = "app-attest-key"
}
