// A Keychain in memory, in the shape of Security's.

import Foundation

/// The Keychain of this process, and how a test makes it fail.
public final class StandInKeychain: @unchecked Sendable {
    public static let shared = StandInKeychain()

    private let lock = NSLock()
    private var items: [[String: Any]] = []
    private var keys: [Data: SecKey] = [:]
    private var heard: (@Sendable (String) -> OSStatus?)?

    /// Hears the name of each call before it is made; what it returns is how the call fails.
    public var listener: (@Sendable (String) -> OSStatus?)? {
        get { lock.withLock { heard } }
        set { lock.withLock { heard = newValue } }
    }

    /// An empty one that works.
    public func reset() {
        lock.withLock {
            items = []
            keys = [:]
            heard = nil
        }
    }

    /// As after the hardware lost its keys.
    public func loseKeys() {
        lock.withLock { keys = [:] }
    }

    /// How many items and keys there are.
    public var count: (items: Int, keys: Int) {
        lock.withLock { (items.count, keys.count) }
    }

    /// Replaces the content of each item by what `work` makes of its account and content; without an answer the item is gone.
    public func change(_ work: (String, Data) -> Data?) {
        lock.withLock {
            items = items.compactMap { item in
                guard let account = item[kSecAttrAccount] as? String, let content = item[kSecValueData] as? Data,
                    let changed = work(account, content)
                else { return nil }
                return item.merging([kSecValueData: changed]) { _, new in new }
            }
        }
    }

    func refusal(of call: String) -> OSStatus? { listener?(call) }

    func keep(_ key: SecKey, tag: Data) {
        lock.withLock { keys[tag] = key }
    }

    fileprivate func add(_ item: [String: Any]) -> OSStatus {
        lock.withLock {
            guard item[kSecAttrAccessible] as? String == kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
                item[kSecValueData] is Data, item[kSecAttrSynchronizable] as? Bool == false
            else { return errSecParam }
            if items.contains(where: { Self.matches($0, item, by: [kSecAttrService, kSecAttrAccount]) }) {
                return errSecDuplicateItem
            }
            items.append(item)
            return errSecSuccess
        }
    }

    fileprivate func find(_ query: [String: Any]) -> CFTypeRef? {
        lock.withLock {
            if query[kSecClass] as? String == kSecClassKey {
                return (query[kSecAttrApplicationTag] as? Data).flatMap { keys[$0] }
            }
            let found = items.first { Self.matches($0, query, by: [kSecAttrService, kSecAttrAccount]) }
            return (found?[kSecValueData] as? Data).map { NSData(data: $0) }
        }
    }

    fileprivate func update(_ query: [String: Any], _ change: [String: Any]) -> OSStatus {
        lock.withLock {
            let index = items.firstIndex { Self.matches($0, query, by: [kSecAttrService, kSecAttrAccount]) }
            guard let index else { return errSecItemNotFound }
            items[index].merge(change) { _, new in new }
            return errSecSuccess
        }
    }

    fileprivate func remove(_ query: [String: Any]) -> OSStatus {
        lock.withLock {
            if query[kSecClass] as? String == kSecClassKey {
                let tag = query[kSecAttrApplicationTag] as? Data
                return tag.flatMap { keys.removeValue(forKey: $0) } == nil ? errSecItemNotFound : errSecSuccess
            }
            let before = items.count
            items.removeAll { Self.matches($0, query, by: [kSecAttrService, kSecAttrAccount]) }
            return items.count == before ? errSecItemNotFound : errSecSuccess
        }
    }

    private static func matches(_ item: [String: Any], _ query: [String: Any], by names: [String]) -> Bool {
        names.allSatisfy { name in
            guard let wanted = query[name] as? String else { return true }
            return item[name] as? String == wanted
        }
    }
}

public func SecItemAdd(_ attributes: CFDictionary, _ result: UnsafeMutablePointer<CFTypeRef?>?) -> OSStatus {
    let keychain = StandInKeychain.shared
    return keychain.refusal(of: "SecItemAdd") ?? keychain.add(attributes.entries)
}

public func SecItemUpdate(_ query: CFDictionary, _ attributes: CFDictionary) -> OSStatus {
    let keychain = StandInKeychain.shared
    return keychain.refusal(of: "SecItemUpdate") ?? keychain.update(query.entries, attributes.entries)
}

public func SecItemDelete(_ query: CFDictionary) -> OSStatus {
    let keychain = StandInKeychain.shared
    return keychain.refusal(of: "SecItemDelete") ?? keychain.remove(query.entries)
}

public func SecItemCopyMatching(
    _ query: CFDictionary, _ result: UnsafeMutablePointer<CFTypeRef?>?
) -> OSStatus {
    let keychain = StandInKeychain.shared
    if let status = keychain.refusal(of: "SecItemCopyMatching") { return status }
    guard let found = keychain.find(query.entries) else { return errSecItemNotFound }
    result?.pointee = found
    return errSecSuccess
}
