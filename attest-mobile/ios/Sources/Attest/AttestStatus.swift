import AttestNative
import Foundation

/// Where the library stands. Nothing in it is secret.
public struct AttestStatus: Equatable, Sendable {
    /// Whether the service knows this phone.
    public let isEnrolled: Bool
    /// The version of the device policy in force; `nil` before the first one.
    public let policyVersion: UInt64?
    /// Whether the policy's date has passed. It stays in force all the same.
    public let policyIsStale: Bool
    /// When the session ends, seconds from now; `nil` without one.
    public let sessionEndsIn: Double?
    /// Sessions of this process so far.
    public let sessions: UInt64
    /// What detectors found at the last scan.
    public let findings: [AttestFinding]
    /// The service's time as far as it is known, else the phone's.
    public let serverTime: Date
    /// The random id that the service gave to this phone.
    public let device: String?

    init(_ native: Status) {
        isEnrolled = native.enrolled
        policyVersion = native.policyVersion
        policyIsStale = native.policyIsStale
        sessionEndsIn = native.sessionEndsInS.map(Double.init)
        sessions = native.sessions
        findings = native.findings.map { AttestFinding(detector: $0.id, outcome: $0.outcome) }
        serverTime = Date(timeIntervalSince1970: Double(native.serverTimeS))
        device = native.device
    }
}

/// What a detector found.
public struct AttestFinding: Equatable, Sendable {
    /// The detector's id in the policy.
    public let detector: String
    /// `hit` or `inconclusive`; what is clear is not listed.
    public let outcome: String
}
