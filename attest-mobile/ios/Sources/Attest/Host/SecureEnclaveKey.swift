import AttestNative
import Foundation
import Security

/// The device key: P-256 in the Secure Enclave, usable from the first unlock on, without asking the user. It never leaves the
/// device, in no form. Calls are made on the native library's threads.
final class SecureEnclaveKey: DeviceKey, @unchecked Sendable {
    private let tag: Data
    private let installation: Installation
    private let appAttest: AppAttest

    init(tag: String, installation: Installation, appAttest: AppAttest) {
        self.tag = Data(tag.utf8)
        self.installation = installation
        self.appAttest = appAttest
    }

    func generate(challenge: Data) throws -> Data {
        try orFailed {
            try installation.settle()
            try Self.remove(tag: tag)
            try appAttest.deviceKeyChanged()
            return try Self.point(of: make())
        }
    }

    func publicKey() throws -> Data {
        try orFailed { try Self.point(of: held()) }
    }

    func sign(signingInput: Data) throws -> Data {
        try orFailed {
            var error: Unmanaged<CFError>?
            let signed = SecKeyCreateSignature(
                try held(), .ecdsaSignatureMessageX962SHA256, signingInput as CFData, &error)
            guard let der = signed as Data? else { throw Self.failure(error) }
            guard let raw = rawSignature(der: der) else { throw HostFailure.Failed }
            return raw
        }
    }

    func vouch(purpose: Purpose, clientDataHash: Data) throws -> Vouched {
        try orFailed {
            try installation.settle()
            return Vouched(platform: try appAttest.vouch(purpose: purpose, hash: clientDataHash), playIntegrity: nil)
        }
    }

    func delete() throws {
        try orFailed {
            try Self.remove(tag: tag)
            try appAttest.forget()
        }
    }

    /// Removes the key of this tag, if there is one.
    static func remove(tag: Data) throws {
        let status = SecItemDelete(query(wanted(tag)))
        guard status == errSecSuccess || status == errSecItemNotFound else { throw KeychainError(status: status) }
    }

    private func make() throws -> SecKey {
        var error: Unmanaged<CFError>?
        let access = SecAccessControlCreateWithFlags(
            nil, kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly, .privateKeyUsage, &error)
        guard let access else { throw Self.failure(error) }
        let attributes: [String: Any] = [
            kSecAttrKeyType as String: kSecAttrKeyTypeECSECPrimeRandom as String,
            kSecAttrKeySizeInBits as String: 256,
            kSecAttrTokenID as String: kSecAttrTokenIDSecureEnclave as String,
            kSecPrivateKeyAttrs as String: [
                kSecAttrIsPermanent as String: true,
                kSecAttrApplicationTag as String: tag,
                kSecAttrAccessControl as String: access,
            ] as [String: Any],
        ]
        guard let key = SecKeyCreateRandomKey(query(attributes), &error) else { throw Self.failure(error) }
        return key
    }

    private func held() throws -> SecKey {
        try installation.settle()
        var found: CFTypeRef?
        var wanted = Self.wanted(tag)
        wanted[kSecReturnRef as String] = true
        let status = SecItemCopyMatching(query(wanted), &found)
        if status == errSecItemNotFound { throw HostFailure.Gone }
        guard status == errSecSuccess, let found, CFGetTypeID(found) == SecKeyGetTypeID() else {
            throw KeychainError(status: status)
        }
        // The type was asked for in the line above: this cast cannot fail.
        return found as! SecKey
    }

    private static func point(of key: SecKey) throws -> Data {
        guard let open = SecKeyCopyPublicKey(key) else { throw HostFailure.Failed }
        var error: Unmanaged<CFError>?
        guard let point = SecKeyCopyExternalRepresentation(open, &error) as Data?, point.count == 65 else {
            throw failure(error)
        }
        return point
    }

    private static func wanted(_ tag: Data) -> [String: Any] {
        [
            kSecClass as String: kSecClassKey as String,
            kSecAttrKeyType as String: kSecAttrKeyTypeECSECPrimeRandom as String,
            kSecAttrApplicationTag as String: tag,
            kSecUseDataProtectionKeychain as String: true,
        ]
    }

    private static func failure(_ error: Unmanaged<CFError>?) -> HostFailure {
        guard let error = error?.takeRetainedValue() else { return .Failed }
        return CFErrorGetCode(error) == Int(errSecItemNotFound)
            ? .Gone : .Failed
    }
}
