import AttestNative
import CryptoKit
import Foundation

/// The key of a QA identity: software, for simulators and CI. It says so, and only gateways of environment development accept it.
/// Calls are made on the native library's threads.
final class SoftwareKey: DeviceKey, @unchecked Sendable {
    private let installation: Installation
    private let keychain: Keychain

    init(installation: Installation, keychain: Keychain) {
        self.installation = installation
        self.keychain = keychain
    }

    func generate(challenge: Data) throws -> Data {
        try orFailed {
            try installation.settle()
            let key = P256.Signing.PrivateKey()
            try keychain.write(Self.account, key.rawRepresentation)
            return key.publicKey.x963Representation
        }
    }

    func publicKey() throws -> Data {
        try orFailed { try held().publicKey.x963Representation }
    }

    func sign(signingInput: Data) throws -> Data {
        try orFailed { try held().signature(for: signingInput).rawRepresentation }
    }

    func vouch(purpose: Purpose, clientDataHash: Data) throws -> Vouched {
        Vouched(platform: purpose == .enroll ? .software : nil, playIntegrity: nil)
    }

    func delete() throws {
        try orFailed { try keychain.delete(Self.account) }
    }

    private func held() throws -> P256.Signing.PrivateKey {
        try installation.settle()
        guard let kept = try keychain.read(Self.account),
            let key = try? P256.Signing.PrivateKey(rawRepresentation: kept)
        else { throw HostFailure.Gone }
        return key
    }

    private static let account = "qa-key"
}
