import Foundation
import Security

#if canImport(ObjectiveC)
    func query(_ entries: [String: Any]) -> CFDictionary { entries as CFDictionary }
#else
    func query(_ entries: [String: Any]) -> CFDictionary { CFDictionary(entries) }
#endif

/// The Keychain did not do what it was asked. Before the first unlock after a start this is normal.
struct KeychainError: Error, Equatable {
    let status: OSStatus
}

/// Small named blobs in the Keychain: on this device only, never synchronised, readable from the first unlock on.
struct Keychain: Sendable {
    let service: String

    func read(_ account: String) throws -> Data? {
        var found: CFTypeRef?
        var wanted = item(account)
        wanted[kSecReturnData as String] = true
        wanted[kSecMatchLimit as String] = kSecMatchLimitOne as String
        let status = SecItemCopyMatching(query(wanted), &found)
        if status == errSecItemNotFound { return nil }
        guard status == errSecSuccess else { throw KeychainError(status: status) }
        return found as? Data
    }

    func write(_ account: String, _ blob: Data) throws {
        let change = query([kSecValueData as String: blob])
        var status = SecItemUpdate(query(item(account)), change)
        if status == errSecItemNotFound {
            var new = item(account)
            new[kSecValueData as String] = blob
            new[kSecAttrAccessible as String] = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly as String
            status = SecItemAdd(query(new), nil)
        }
        guard status == errSecSuccess else { throw KeychainError(status: status) }
    }

    func delete(_ account: String) throws {
        try remove(item(account))
    }

    /// Everything of this service.
    func deleteAll() throws {
        try remove(item(nil))
    }

    private func remove(_ wanted: [String: Any]) throws {
        let status = SecItemDelete(query(wanted))
        guard status == errSecSuccess || status == errSecItemNotFound else { throw KeychainError(status: status) }
    }

    private func item(_ account: String?) -> [String: Any] {
        var entries: [String: Any] = [
            kSecClass as String: kSecClassGenericPassword as String,
            kSecAttrService as String: service,
            kSecAttrSynchronizable as String: false,
            kSecUseDataProtectionKeychain as String: true,
        ]
        entries[kSecAttrAccount as String] = account
        return entries
    }
}
