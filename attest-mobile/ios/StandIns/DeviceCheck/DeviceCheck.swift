// Stands in for Apple's DeviceCheck on Linux. What `DCAppAttestService.shared` answers is up to the test: `standIn` is asked.

import Foundation

public struct DCError: Error, Sendable {
    public enum Code: Int, Sendable {
        case unknownSystemFailure, featureUnsupported, invalidInput, invalidKey, serverUnavailable
    }

    public let code: Code

    public init(_ code: Code) {
        self.code = code
    }
}

/// What a test puts in the place of Apple's service.
public protocol StandInAppAttest: Sendable {
    var isSupported: Bool { get }
    func generateKey() throws -> String
    func attestKey(_ keyId: String, clientDataHash: Data) throws -> Data
    func generateAssertion(_ keyId: String, clientDataHash: Data) throws -> Data
}

public final class DCAppAttestService: @unchecked Sendable {
    public static let shared = DCAppAttestService()

    private let lock = NSLock()
    private var service: (any StandInAppAttest)?

    /// Nothing: App Attest is not supported, as on a simulator.
    public var standIn: (any StandInAppAttest)? {
        get { lock.withLock { service } }
        set { lock.withLock { service = newValue } }
    }

    public var isSupported: Bool { standIn?.isSupported ?? false }

    public func generateKey(completionHandler: @escaping @Sendable (String?, Error?) -> Void) {
        answer(completionHandler) { try $0.generateKey() }
    }

    public func attestKey(
        _ keyId: String, clientDataHash: Data, completionHandler: @escaping @Sendable (Data?, Error?) -> Void
    ) {
        answer(completionHandler) { try $0.attestKey(keyId, clientDataHash: clientDataHash) }
    }

    public func generateAssertion(
        _ keyId: String, clientDataHash: Data, completionHandler: @escaping @Sendable (Data?, Error?) -> Void
    ) {
        answer(completionHandler) { try $0.generateAssertion(keyId, clientDataHash: clientDataHash) }
    }

    private func answer<T>(
        _ completionHandler: @escaping @Sendable (T?, Error?) -> Void,
        _ ask: @escaping @Sendable (any StandInAppAttest) throws -> T
    ) {
        let service = standIn
        DispatchQueue.global().async {
            do {
                guard let service else { throw DCError(.featureUnsupported) }
                completionHandler(try ask(service), nil)
            } catch {
                completionHandler(nil, error)
            }
        }
    }
}
