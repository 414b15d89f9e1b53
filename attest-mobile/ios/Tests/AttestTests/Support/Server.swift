import Foundation

/// `server.py` on a port of its own: the bank, or a server that misbehaves by path.
final class Server: Sendable {
    let port: Int
    private let program: Program
    private let scheme: String
    private let host: String

    /// - Parameter certificate: With it the server speaks TLS.
    init(as host: String = "localhost", certificate: (certificate: String, key: String)? = nil) throws {
        let script = Bundle.module.url(forResource: "server", withExtension: "py")!.path
        let tls = certificate.map { ["--certificate", $0.certificate, "--key", $0.key] } ?? []
        program = try Program("/usr/bin/python3", [script] + tls)
        self.port = Int(try program.line(with: "")) ?? 0
        self.host = host
        scheme = certificate == nil ? "http" : "https"
    }

    func url(_ path: String) -> String { "\(scheme)://\(host):\(port)\(path)" }

    /// Returns once it was asked for `path`.
    func waits(for path: String) throws {
        try program.line(with: "asked for " + path)
    }

    func stop() {
        program.stop()
    }

    deinit {
        program.stop()
    }
}

/// A port that was free a moment ago, as was the one above it, which the gateway takes for its operators.
func freePort() -> Int {
    for _ in 0..<50 {
        guard let first = Bound(port: 0) else { continue }
        if Bound(port: first.port + 1) != nil { return first.port }
    }
    fatalError("no two free ports")
}

/// A socket that holds a port of loopback as long as this object lives.
private final class Bound {
    let port: Int
    private let handle: Int32

    init?(port: Int) {
        handle = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let handle = handle
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(handle, $0, length) == 0 && getsockname(handle, $0, &length) == 0
            }
        }
        self.port = Int(UInt16(bigEndian: address.sin_port))
        if !isBound { return nil }
    }

    deinit {
        close(handle)
    }
}
