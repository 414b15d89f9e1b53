import Foundation

/// A real gateway with the bank behind it, in processes of their own, on loopback, by TLS.
final class Gateway: @unchecked Sendable {
    let folder: URL
    let origin: String
    private let bank: Server
    private let relay: Server
    private var program: Program?
    private(set) var policy: TestPolicy

    init(_ change: (inout TestPolicy) -> Void = { _ in }) throws {
        folder = try freshFolder().appendingPathComponent("gateway")
        let port = freePort()
        let certificate = try Authority.trusted.certificate(for: "localhost")
        relay = try Server(relay: port, certificate: certificate)
        origin = relay.url("")
        bank = try Server(as: "127.0.0.1")
        policy = TestPolicy(origin: origin)
        change(&policy)
        try Self.attest([
            "gateway", "init", folder.path, "--listen", "127.0.0.1:\(port)", "--origin", origin,
            "--upstream", bank.url(""),
        ])
        var configuration = try String(contentsOf: file("attest.toml"), encoding: .utf8)
        configuration += "\n[[tls.certificates]]\ncertificate = \"\(certificate.certificate)\"\nkey = \"\(certificate.key)\"\n"
        try Data(configuration.utf8).write(to: file("attest.toml"))
        try writePolicy()
        try start()
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(at: folder.deletingLastPathComponent())
    }

    /// What the app is built with.
    var root: Data { (try? Data(contentsOf: file("keys/policy-root.json"))) ?? Data() }

    var serviceUrl: String { origin + "/.attest/v1" }

    func start() throws {
        let program = try Program(Self.binary, ["gateway", "run", "--config", file("attest.toml").path])
        self.program = program
        try program.line(with: " serving ")
    }

    func stop() {
        program?.stop()
        program = nil
    }

    /// Publishes a policy with a higher version, and returns once it is in force.
    func publish(_ change: (inout TestPolicy) -> Void) throws {
        change(&policy)
        policy.version += 1
        let position = program?.position ?? 0
        try writePolicy()
        try program?.line(with: "policy active version=\(policy.version)", from: position)
    }

    /// Ends all sessions that were begun until now.
    func cutSessions() throws {
        try Self.attest(
            ["gateway", "bans", "add", "--all", "--sessions", "--reason", "a test", "--config", file("attest.toml").path])
    }

    @discardableResult
    static func attest(_ arguments: [String]) throws -> String { try Program.run(binary, arguments) }

    private static let binary = environment("ATTEST_BINARY")

    private func file(_ name: String) -> URL { folder.appendingPathComponent(name) }

    private func writePolicy() throws {
        try Data(policy.source.utf8).write(to: file("policy.yaml"), options: .atomic)
    }
}
