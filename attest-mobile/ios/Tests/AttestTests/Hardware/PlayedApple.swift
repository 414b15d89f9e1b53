import CryptoKit
import DeviceCheck
import Foundation

/// App Attest as Apple's servers and phones do it, but with an authority of a test's at the top: real keys, certificates and signatures.
final class PlayedApple: StandInAppAttest, @unchecked Sendable {
    static let app = "A1B2C3D4E5.com.example.bank"

    let isSupported = true
    let calls = Seen<String>()
    private let folder: URL
    private let lock = NSLock()
    private var keys: [String: P256.Signing.PrivateKey] = [:]
    private var counter: UInt32 = 0

    init() throws {
        folder = try freshFolder()
        try authority("root", [], "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
        try authority(
            "issuer", ["-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial"],
            "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n")
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }

    /// What a development policy names, so that its gateway takes this for Apple.
    var anchors: String {
        let pem = (try? String(contentsOf: folder.appendingPathComponent("root.pem"), encoding: .utf8)) ?? ""
        return "anchors: [{name: played-apple, evidence: app_attest, pem: \"\(pem.replacingOccurrences(of: "\n", with: "\\n"))\"}]"
    }

    /// As when an app is moved to another phone: Apple knows none of its keys.
    func forgetKeys() {
        lock.withLock { keys = [:] }
    }

    func generateKey() throws -> String {
        calls.add("generate")
        let key = P256.Signing.PrivateKey()
        let id = Data(SHA256.hash(data: key.publicKey.x963Representation)).base64EncodedString()
        lock.withLock { keys[id] = key }
        return id
    }

    func attestKey(_ keyId: String, clientDataHash: Data) throws -> Data {
        calls.add("attest")
        let key = try held(keyId)
        let point = key.publicKey.x963Representation
        let cose = Cbor.map([
            (.number(1), .number(2)), (.number(3), .number(-7)), (.number(-1), .number(1)),
            (.number(-2), .bytes(point[1..<33])), (.number(-3), .bytes(point[33...])),
        ])
        let credential = Data("appattestdevelop".utf8) + [0, 32] + Data(SHA256.hash(data: point)) + cose.data
        let authData = authenticator(counter: 0) + credential
        let nonce = Data(SHA256.hash(data: authData + clientDataHash))
        let chain = try [leaf(key, nonce), der("issuer")]
        let statement = Cbor.map([
            (.text("x5c"), .list(chain.map { .bytes($0) })), (.text("receipt"), .bytes([0x30, 0x80, 0x06, 0x09] + Data(repeating: 42, count: 200))),
        ])
        return Cbor.map([(.text("fmt"), .text("apple-appattest")), (.text("attStmt"), statement), (.text("authData"), .bytes(authData))]).data
    }

    func generateAssertion(_ keyId: String, clientDataHash: Data) throws -> Data {
        calls.add("assert")
        let key = try held(keyId)
        let authData = authenticator(
            counter: lock.withLock {
                counter += 1
                return counter
            })
        let nonce = Data(SHA256.hash(data: authData + clientDataHash))
        let signature = try key.signature(for: nonce).derRepresentation
        return Cbor.map([(.text("signature"), .bytes(signature)), (.text("authenticatorData"), .bytes(authData))]).data
    }

    private func held(_ id: String) throws -> P256.Signing.PrivateKey {
        guard let key = lock.withLock({ keys[id] }) else { throw DCError(.invalidKey) }
        return key
    }

    private func authenticator(counter: UInt32) -> Data {
        Data(SHA256.hash(data: Data(Self.app.utf8))) + [0x40] + withUnsafeBytes(of: counter.bigEndian) { Data($0) }
    }

    /// The certificate of a key, with the nonce in Apple's extension.
    private func leaf(_ key: P256.Signing.PrivateKey, _ nonce: Data) throws -> Data {
        try key.pem.write(to: folder.appendingPathComponent("leaf.key"), atomically: true, encoding: .utf8)
        let name = Data(SHA256.hash(data: key.publicKey.x963Representation)).hex
        try certificate(
            "leaf", "/CN=\(name)/OU=AAA Certification/O=Apple Inc.", ["-CA", "issuer.pem", "-CAkey", "issuer.key", "-CAcreateserial"],
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                + "1.2.840.113635.100.8.2=DER:3024a1220420\(nonce.hex)\n")
        return try der("leaf")
    }

    private func authority(_ name: String, _ issuer: [String], _ extensions: String) throws {
        try openssl(["ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", name + ".key"])
        try certificate(
            name, "/CN=App Attestation \(name) of a test/O=Apple Inc.", issuer.isEmpty ? ["-signkey", "root.key"] : issuer, extensions)
    }

    private func certificate(_ name: String, _ subject: String, _ issuer: [String], _ extensions: String) throws {
        try Data(extensions.utf8).write(to: folder.appendingPathComponent(name + ".ext"))
        try openssl(["req", "-new", "-key", name + ".key", "-subj", subject, "-out", name + ".csr"])
        try openssl(["x509", "-req", "-in", name + ".csr", "-days", "3", "-extfile", name + ".ext", "-out", name + ".pem"] + issuer)
    }

    private func der(_ name: String) throws -> Data {
        try openssl(["x509", "-in", name + ".pem", "-outform", "DER", "-out", name + ".der"])
        return try Data(contentsOf: folder.appendingPathComponent(name + ".der"))
    }

    private func openssl(_ arguments: [String]) throws {
        try Program.run("/usr/bin/openssl", arguments, in: folder)
    }
}

extension P256.Signing.PrivateKey {
    /// As RFC 5915 writes it.
    fileprivate var pem: String {
        let curve: [UInt8] = [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]
        let der = Data([0x30, 0x77, 2, 1, 1, 4, 32]) + rawRepresentation + curve + [0xa1, 0x44, 3, 0x42, 0] + publicKey.x963Representation
        return "-----BEGIN EC PRIVATE KEY-----\n"
            + der.base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed]) + "\n-----END EC PRIVATE KEY-----\n"
    }
}
