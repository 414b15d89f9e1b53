import Foundation

/// A real gateway with the bank behind it, in processes of their own, on loopback, by TLS.
final class Gateway: @unchecked Sendable {
    let folder: URL
    private(set) var origin = ""
    private(set) var policy = TestPolicy(origin: "")
    private let bank: Server
    private let isProduction: Bool
    private var program: Program?

    /// - Parameter production: With a policy that its owners signed, as production gateways want it.
    init(production: Bool = false, _ change: (inout TestPolicy) -> Void = { _ in }) throws {
        folder = try freshFolder().appendingPathComponent("gateway")
        bank = try Server(as: "127.0.0.1")
        isProduction = production
        // Somebody may take a port between its choice and its use; the gateway then says so and does not start.
        for attempt in 1... {
            do {
                try prepare(port: freePort(), change)
                try start()
                return
            } catch let silence as Program.Silence where attempt < 5 && silence.said.contains("in use") {
                try FileManager.default.removeItem(at: folder)
            }
        }
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(at: folder.deletingLastPathComponent())
    }

    /// What the app is built with.
    var root: Data {
        let root = isProduction ? "owners/root.json" : "keys/policy-root.json"
        return (try? Data(contentsOf: file(root))) ?? Data()
    }

    var serviceUrl: String { origin + "/.attest/v1" }

    /// Starts it where it was, with what it kept.
    func start() throws {
        let program = try Program(Self.binary, ["gateway", "run", "--config", file("attest.toml").path])
        self.program = program
        try program.line(with: " serving ")
    }

    /// Ends it; its address then refuses connections.
    func stop() {
        program?.stop()
        program = nil
    }

    /// Returns once the bank was asked for `path`.
    func waits(for path: String) throws {
        try bank.waits(for: path)
    }

    /// What it said at last, if it ended by itself.
    var epitaph: String? { program?.epitaph }

    /// Publishes a policy with a higher version, and returns once it is in force.
    func publish(_ change: (inout TestPolicy) -> Void) throws {
        change(&policy)
        policy.version += 1
        let position = program?.position ?? 0
        try writePolicy()
        try program?.line(with: "policy activated version=\(policy.version)", from: position)
    }

    /// Ends all sessions that were begun until now.
    func cutSessions() throws {
        try Self.attest(
            ["gateway", "bans", "add", "--all", "--sessions", "--reason", "a test", "--config", file("attest.toml").path])
    }

    @discardableResult
    static func attest(_ arguments: [String], in folder: URL? = nil) throws -> String {
        try Program.run(binary, arguments, in: folder, with: ["ATTEST_PASSPHRASE_FILE": "passphrase"])
    }

    private static let binary = environment("ATTEST_BINARY")

    func file(_ name: String) -> URL { folder.appendingPathComponent(name) }

    private func prepare(port: Int, _ change: (inout TestPolicy) -> Void) throws {
        origin = "https://localhost:\(port)"
        policy = TestPolicy(origin: origin)
        policy.isProduction = isProduction
        change(&policy)
        try Self.attest([
            "gateway", "init", folder.path, "--listen", "127.0.0.1:\(port)", "--origin", origin, "--upstream", bank.url(""),
        ])
        var configuration = try String(contentsOf: file("attest.toml"), encoding: .utf8)
        let certificate = try Authority.trusted.certificate(for: "localhost")
        configuration += "\n[[tls.certificates]]\ncertificate = \"\(certificate.certificate)\"\nkey = \"\(certificate.key)\"\n"
        if isProduction {
            configuration = configuration.replacingOccurrences(of: "\"development\"", with: "\"production\"")
                .replacingOccurrences(
                    of: "file = \"policy.yaml\"", with: "repository = \"owners/repository\"\nroot = \"owners/root.json\"")
        }
        try Data(configuration.utf8).write(to: file("attest.toml"))
        try writePolicy()
        if isProduction { try signPolicy() }
    }

    private func writePolicy() throws {
        try Data(policy.source.utf8).write(to: file("policy.yaml"), options: .atomic)
    }

    /// The owners' part: their keys, and their signatures under the policy.
    private func signPolicy() throws {
        try Data("of a test, and long enough".utf8).write(to: file("passphrase"))
        try Self.attest(["policy", "init", "owners", "--keys", "hands"], in: folder)
        policy.responseKeys = try Self.attest(["gateway", "keys", "list", "--policy", "--config", "attest.toml"], in: folder)
        try writePolicy()
        try Self.attest(["policy", "sign", "owners", "policy.yaml", "--keys", "hands"], in: folder)
        try Self.attest(["policy", "publish", "owners", "--keys", "hands"], in: folder)
    }
}
