import AttestNative
import Foundation

/// Keeps the registration in the Keychain and the policy, which is public, signed and large, in a file that no backup contains.
/// Calls are made on the native library's threads.
final class DeviceStorage: Storage, @unchecked Sendable {
    private let installation: Installation
    private let keychain: Keychain

    init(installation: Installation, keychain: Keychain) {
        self.installation = installation
        self.keychain = keychain
    }

    func get(name: String) throws -> Data? {
        try orFailed {
            try installation.settle()
            return isLarge(name) ? try read(file(name)) : try keychain.read(name)
        }
    }

    func put(name: String, blob: Data) throws {
        try orFailed {
            try installation.settle()
            if isLarge(name) {
                try write(blob, to: file(name))
            } else {
                try keychain.write(name, blob)
            }
        }
    }

    func delete(name: String) throws {
        try orFailed {
            try installation.settle()
            if isLarge(name) {
                let file = file(name)
                guard FileManager.default.fileExists(atPath: file.path) else { return }
                try FileManager.default.removeItem(at: file)
            } else {
                try keychain.delete(name)
            }
        }
    }

    private func isLarge(_ name: String) -> Bool { name == Self.policy }

    private func file(_ name: String) -> URL { installation.folder.appendingPathComponent(name) }

    private func read(_ file: URL) throws -> Data? {
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
        // Longer than anything that is ever written: spoiled, and as good as gone.
        guard let length = attributes[.size] as? NSNumber, length.intValue <= Self.bytesMax else { return nil }
        return try Data(contentsOf: file)
    }

    private func write(_ blob: Data, to file: URL) throws {
        var options: Data.WritingOptions = .atomic
        #if canImport(ObjectiveC)
            options.insert(.completeFileProtectionUntilFirstUserAuthentication)
        #endif
        try blob.write(to: file, options: options)
    }

    /// The one blob that may be megabytes long; the Keychain is made for small ones.
    private static let policy = "attest-policy"
    /// A policy is at most 3 MiB and its roots 1 MiB, both as text in JSON.
    private static let bytesMax = 8 << 20
}

/// Whatever the system throws is a failure of this one call to the native library.
func orFailed<T>(_ work: () throws -> T) throws -> T {
    do {
        return try work()
    } catch let failure as HostFailure {
        throw failure
    } catch {
        throw HostFailure.Failed
    }
}
