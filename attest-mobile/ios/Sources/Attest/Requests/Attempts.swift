import AttestNative
import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What the app's own requests were authorised by, until it says what became of them. What is never followed is forgotten.
final class Attempts: @unchecked Sendable {
    private let lock = NSLock()
    private var open: [Authorization] = []

    func add(_ authorization: Authorization) {
        if authorization.headers.isEmpty { return }
        lock.lock()
        defer { lock.unlock() }
        if open.count == Self.openMax { open.removeFirst() }
        open.append(authorization)
    }

    /// The authorisation whose headers the request carries, once.
    func take(_ request: URLRequest) -> Authorization? {
        lock.lock()
        defer { lock.unlock() }
        let index = open.lastIndex { authorization in
            authorization.headers.allSatisfy { request.value(forHTTPHeaderField: $0.name) == $0.value }
        }
        return index.map { open.remove(at: $0) }
    }

    /// As many as the native library keeps.
    private static let openMax = 256
}
