import AttestNative
import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Shows the app's backend that requests come from this app on this phone.
///
/// ```swift
/// let attest = try Attest.start(AttestSettings(serviceUrl: url, app: "bank-ios", policyRoot: root))
/// configuration.protocolClasses = [attest.urlProtocol]
/// ```
///
/// All functions may be called on any thread. None blocks it; what waits is `async`.
public final class Attest: @unchecked Sendable {
    let native: AttestNative.Attest
    let settings: AttestSettings
    let attempts = Attempts()
    private let host: PhoneHost
    private let lifecycle: Lifecycle
    private let lock = NSLock()
    private var isClosed = false
    private var session: RoutedSession?

    private init(_ native: AttestNative.Attest, _ settings: AttestSettings, _ host: PhoneHost) {
        self.native = native
        self.settings = settings
        self.host = host
        lifecycle = Lifecycle(native)
    }

    /// Starts the library and returns at once: threads of its own enrol the phone and keep a session. One is open at a time.
    ///
    /// - Throws: `AttestError.misconfigured`, whose code names the setting, or `already-started`.
    public static func start(_ settings: AttestSettings) throws -> Attest {
        try start(settings, on: .phone(settings))
    }

    static func start(_ settings: AttestSettings, on host: PhoneHost) throws -> Attest {
        if settings.qaIdentity, settings.environment == .production {
            throw AttestError.misconfigured(code: "qa-identity-in-production")
        }
        return try Opened.one.open {
            do {
                let native = try AttestNative.Attest.start(
                    config: settings.native(), transport: host.transport, key: host.key, storage: host.storage,
                    observer: host.observer, stepUp: host.stepUp, clock: host.clock)
                return Attest(native, settings, host)
            } catch let error as AttestNative.AttestError {
                host.close()
                throw AttestError(error)
            }
        }
    }

    /// Returns once requests can be authorised without waiting: the phone is enrolled and has a session.
    ///
    /// - Throws: `AttestError`.
    public func ready() async throws {
        try await translated { try await native.ready() }
    }

    /// Where the library stands.
    public func status() -> AttestStatus { AttestStatus(native.status()) }

    /// The library's state and its latest steps as text for support, without secrets.
    public func diagnostics() -> String { native.diagnostics() }

    /// Removes registration, session and device key. The next request enrols as another device.
    ///
    /// - Throws: `AttestError`.
    public func forget() async throws {
        try await translated { try await native.forget() }
    }

    /// Ends the library. What waits ends, and every later call is `misconfigured("stopped")`. A second call does nothing.
    public func close() {
        lock.lock()
        let first = !isClosed
        isClosed = true
        let ended = session
        session = nil
        lock.unlock()
        guard first else { return }
        Opened.one.closed(self)
        lifecycle.stop()
        native.stop()
        host.close()
        ended?.stop()
    }

    deinit {
        close()
    }

    /// The session that protected requests leave by; `nil` once the library is closed.
    func outwards() -> RoutedSession? {
        lock.lock()
        defer { lock.unlock() }
        if isClosed { return nil }
        if let session { return session }
        let configuration = settings.sessionConfiguration()
        configuration.protocolClasses = configuration.protocolClasses?.filter { $0 != AttestURLProtocol.self }
        let made = RoutedSession(configuration, trust: settings.trust)
        session = made
        return made
    }
}

/// The one that is open.
final class Opened: @unchecked Sendable {
    static let one = Opened()

    private let lock = NSLock()
    private weak var current: Attest?
    private var isOpening = false

    var attest: Attest? { lock.withLock { current } }

    func open(_ make: () throws -> Attest) throws -> Attest {
        try lock.withLock {
            guard current == nil, !isOpening else { throw AttestError.misconfigured(code: "already-started") }
            isOpening = true
        }
        defer { lock.withLock { isOpening = false } }
        let made = try make()
        lock.withLock { current = made }
        return made
    }

    func closed(_ attest: Attest) {
        lock.withLock { if current === attest { current = nil } }
    }
}
