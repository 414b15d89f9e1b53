import Foundation

/// An authority of this run, which the system trusts, and certificates by it. On Linux a `URLSession` trusts what stands in one file; the
/// tests run in a root of their own, whose file this is.
struct Authority {
    let folder: URL

    static let trusted: Authority = {
        do {
            let authority = try Authority(folder: freshFolder())
            let certificate = try Data(contentsOf: authority.folder.appendingPathComponent("ca.pem"))
            try certificate.write(to: URL(fileURLWithPath: environment("ATTEST_TRUST_STORE")))
            return authority
        } catch {
            fatalError("no authority: \(error)")
        }
    }()

    /// One that nobody trusts yet.
    init(folder: URL) throws {
        self.folder = folder
        try openssl(
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3"]
                + ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Authority of a test"]
                + ["-addext", "basicConstraints=critical,CA:TRUE"])
    }

    /// Certificate and key for `name`, in files.
    func certificate(for name: String) throws -> (certificate: String, key: String) {
        let at = { (file: String) in folder.appendingPathComponent(file).path }
        let (certificate, key) = (at(name + ".pem"), at(name + ".key"))
        if FileManager.default.fileExists(atPath: certificate) { return (certificate, key) }
        let extensions = "subjectAltName=DNS:\(name)\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"
        try Data(extensions.utf8).write(to: folder.appendingPathComponent("extensions"))
        try openssl(
            ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
                + ["-keyout", key, "-out", at("request.pem"), "-subj", "/CN=" + name])
        try openssl(
            ["x509", "-req", "-in", at("request.pem"), "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
                + ["-days", "3", "-extfile", "extensions", "-out", certificate])
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
        return (certificate, key)
    }

    private func openssl(_ arguments: [String]) throws {
        try Program.run("/usr/bin/openssl", arguments, in: folder)
    }
}

/// A variable that says where the tests find what they need; `cargo xtask test --swift` sets it.
func environment(_ name: String) -> String {
    guard let value = ProcessInfo.processInfo.environment[name] else {
        fatalError("\(name) is not set; run the tests by `cargo xtask test --swift`")
    }
    return value
}
