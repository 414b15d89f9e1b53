import AttestNative
import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What an app configures. The three arguments of `init` are needed; the rest has defaults that suit most apps.
public struct AttestSettings: Sendable {
    /// URL of the attestation service, such as `https://api.bank.example/.attest/v1`.
    public var serviceUrl: String
    /// The app's id in the policy.
    public var app: String
    /// The root of the policy repository, byte for byte: a device policy counts only if this root vouches for it.
    public var policyRoot: Data
    /// The app's version; by default that of the main bundle.
    public var appVersion = Bundle.main.object(forInfoDictionaryKey: "CFBundleShortVersionString") as? String ?? "0"
    /// The environment that the app is built for. `development` allows plain http and QA identities.
    public var environment = AttestEnvironment.production
    /// Origins of the protected API, such as `https://api.bank.example`. Empty: those that the policy names.
    public var origins: [String] = []
    /// Send a token also to paths of these origins that the policy does not name.
    public var tokenByDefault = false
    /// For simulators and CI: a software key, which only gateways of environment `development` accept.
    public var qaIdentity = false
    /// Lets the user confirm a request where the policy asks for it; `nil` declines.
    public var stepUp: StepUpHandler?
    /// Hears what the library does, step by step, without secrets. Called on threads of the library's; must return soon.
    public var debugLog: (@Sendable (String) -> Void)?
    /// Pins the servers' certificates, for the library's own requests and those of protected sessions. `nil`: the system decides.
    public var trust: TrustDecision?
    /// What requests of protected sessions are sent with, where `urlProtocol` is used: time-outs, cookies, proxies.
    public var sessionConfiguration: @Sendable () -> URLSessionConfiguration = { .default }
    /// The longest body of a protected request, bytes: it is held in memory, because a token may be bound to it.
    public var bodyBytesMax = 8 << 20
    /// How long one request of the library, or one call of Apple's frameworks, may take, seconds.
    public var callTimeout = 15.0
    /// How long a request waits for a session, seconds.
    public var patience = 30.0
    /// A request waits out failures that pass within this time, seconds.
    public var rideOut = 2.0
    /// Where the library keeps its files; by default `attest` in Application Support.
    public var folder: URL?

    /// - Parameters:
    ///   - serviceUrl: URL of the attestation service.
    ///   - app: The app's id in the policy.
    ///   - policyRoot: The content of `root.json`, which is built into the app.
    public init(serviceUrl: String, app: String, policyRoot: Data) {
        self.serviceUrl = serviceUrl
        self.app = app
        self.policyRoot = policyRoot
    }
}

/// Which policy and gateways an app is built for.
public enum AttestEnvironment: Sendable {
    /// For users.
    case production
    /// For developers and CI.
    case development
}

extension AttestSettings {
    func native() -> Config {
        Config(
            serviceUrl: serviceUrl,
            app: app,
            appVersion: appVersion,
            platform: .ios,
            environment: environment == .production ? .production : .development,
            policyRoot: policyRoot,
            origins: origins,
            tokenByDefault: tokenByDefault,
            callTimeoutMs: milliseconds(callTimeout),
            patienceMs: milliseconds(patience),
            rideOutMs: milliseconds(rideOut),
            variables: variables()
        )
    }

    private func variables() -> [Named] {
        let bundle = Bundle.main.bundleIdentifier.map { [Named(name: "package", value: $0)] } ?? []
        return bundle + [
            Named(name: "bundle", value: Bundle.main.bundlePath),
            Named(name: "data_dir", value: NSHomeDirectory()),
        ]
    }

    /// A number that cannot be one of milliseconds becomes 0, which the native library refuses.
    private func milliseconds(_ seconds: Double) -> UInt64 { UInt64(exactly: (seconds * 1000).rounded()) ?? 0 }
}
