import Foundation

/// Knows whether what the Keychain holds belongs to this installation. Keychain items outlive an app that is deleted; files do not.
/// So a marker in a file that no backup contains decides: without it, what an earlier installation left is removed first.
final class Installation: @unchecked Sendable {
    /// Where the library keeps its files.
    let folder: URL
    private let purge: @Sendable () throws -> Void
    private let lock = NSLock()
    private var settled = false

    /// `purge` removes what an earlier installation left in Keychain and Secure Enclave.
    init(folder: URL, purge: @escaping @Sendable () throws -> Void) {
        self.folder = folder
        self.purge = purge
    }

    /// Returns once nothing of an earlier installation is left. Throws if this cannot be known now, as before the first unlock.
    func settle() throws {
        lock.lock()
        defer { lock.unlock() }
        if settled { return }
        try makeFolder()
        let marker = folder.appendingPathComponent("installation")
        if try !isWhole(marker) {
            // The marker comes last: if this ends half-way, it is begun again.
            try purge()
            try Data(Self.mark.utf8).write(to: marker, options: .atomic)
        }
        settled = true
    }

    private func makeFolder() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        #if canImport(ObjectiveC)
            var values = URLResourceValues()
            values.isExcludedFromBackup = true
            var excluded = folder
            try excluded.setResourceValues(values)
            try FileManager.default.setAttributes(
                [.protectionKey: FileProtectionType.completeUntilFirstUserAuthentication],
                ofItemAtPath: folder.path
            )
        #endif
    }

    /// Whether the marker is there. A file that is there and cannot be read throws: that says nothing about the installation.
    private func isWhole(_ marker: URL) throws -> Bool {
        guard FileManager.default.fileExists(atPath: marker.path) else { return false }
        return try Data(contentsOf: marker) == Data(Self.mark.utf8)
    }

    private static let mark = "attest 1\n"
}
