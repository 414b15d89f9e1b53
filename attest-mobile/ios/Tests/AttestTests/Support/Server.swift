import Foundation

/// `server.py` on a port of its own: the bank, or a server that misbehaves by path.
final class Server: Sendable {
    let port: Int
    private let program: Program
    private let scheme: String
    private let host: String

    /// - Parameters:
    ///   - relay: The port of a gateway that everything is passed on to.
    ///   - certificate: With it the server speaks TLS.
    init(
        as host: String = "localhost", relay: Int? = nil, certificate: (certificate: String, key: String)? = nil
    ) throws {
        let script = Bundle.module.url(forResource: "server", withExtension: "py")!.path
        let relayed = relay.map { ["--relay", String($0)] } ?? []
        let tls = certificate.map { ["--certificate", $0.certificate, "--key", $0.key] } ?? []
        program = try Program("/usr/bin/python3", [script] + relayed + tls)
        self.port = Int(try program.line(with: "")) ?? 0
        self.host = host
        scheme = certificate == nil ? "http" : "https"
    }

    func url(_ path: String) -> String { "\(scheme)://\(host):\(port)\(path)" }

    func stop() {
        program.stop()
    }

    deinit {
        program.stop()
    }
}

/// A port that was free a moment ago.
func freePort() -> Int {
    let handle = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(handle) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            guard bind(handle, $0, length) == 0, getsockname(handle, $0, &length) == 0 else { fatalError("no port") }
        }
        return Int(UInt16(bigEndian: $0.pointee.sin_port))
    }
}
