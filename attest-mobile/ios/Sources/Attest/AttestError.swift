import AttestNative
import Foundation

/// What the app should do. No error is final: the library goes on trying by itself.
///
/// A `URLSession` with the library's protocol reports it as an `NSError`; `AttestError(error)` gets it back.
public enum AttestError: Error, Equatable, Sendable {
    /// Show that there is no trustworthy connection, and try again when the network changes. `code` is for logs.
    case offline(code: String)
    /// Try again after so many seconds. `code` is for logs.
    case tryLater(code: String, seconds: Double)
    /// Ask the user to update the app: the policy needs a newer one.
    case updateApp
    /// Show the support code: this device or app is not accepted. Only the operator can read why out of it.
    case refused(code: String, support: String)
    /// Go back: the user did not confirm.
    case stepUpDeclined
    /// Correct the app's configuration or its request; users cannot do anything about it. `code` says what.
    case misconfigured(code: String)
}

extension AttestError {
    init(_ native: AttestNative.AttestError) {
        switch native {
        case .Offline(let code): self = .offline(code: code)
        case .TryLater(let code, let afterMs): self = .tryLater(code: code, seconds: Double(afterMs) / 1000)
        case .UpdateApp: self = .updateApp
        case .Refused(let code, let support): self = .refused(code: code, support: support)
        case .StepUpDeclined: self = .stepUpDeclined
        case .Misconfigured(let code): self = .misconfigured(code: code)
        }
    }

    /// The library's error in what a `URLSession` task failed with; `nil` if it failed for another reason.
    public init?(_ error: Error) {
        if let error = error as? AttestError {
            self = error
            return
        }
        let error = error as NSError
        guard error.domain == Self.errorDomain else { return nil }
        let code = error.userInfo[Self.codeKey] as? String ?? ""
        switch error.code {
        case 1: self = .offline(code: code)
        case 2: self = .tryLater(code: code, seconds: error.userInfo[Self.secondsKey] as? Double ?? 0)
        case 3: self = .updateApp
        case 4: self = .refused(code: code, support: error.userInfo[Self.supportKey] as? String ?? "")
        case 5: self = .stepUpDeclined
        case 6: self = .misconfigured(code: code)
        default: return nil
        }
    }
}

extension AttestError: CustomNSError, LocalizedError {
    public static var errorDomain: String { "AttestError" }

    public var errorCode: Int {
        switch self {
        case .offline: return 1
        case .tryLater: return 2
        case .updateApp: return 3
        case .refused: return 4
        case .stepUpDeclined: return 5
        case .misconfigured: return 6
        }
    }

    public var errorUserInfo: [String: Any] {
        var values: [String: Any] = [NSLocalizedDescriptionKey: description]
        switch self {
        case .offline(let code), .misconfigured(let code):
            values[Self.codeKey] = code
        case .tryLater(let code, let seconds):
            values[Self.codeKey] = code
            values[Self.secondsKey] = seconds
        case .refused(let code, let support):
            values[Self.codeKey] = code
            values[Self.supportKey] = support
        case .updateApp, .stepUpDeclined:
            break
        }
        return values
    }

    public var errorDescription: String? { description }

    private static let codeKey = "code"
    private static let secondsKey = "seconds"
    private static let supportKey = "support"
}

extension AttestError: CustomStringConvertible {
    /// For logs and developers, in English.
    public var description: String {
        switch self {
        case .offline(let code): return "no trustworthy connection to the service (\(code))"
        case .tryLater(let code, let seconds): return "try again in \(seconds) s (\(code))"
        case .updateApp: return "the policy needs a newer version of the app"
        case .refused(let code, let support): return "refused (\(code)), support code \(support)"
        case .stepUpDeclined: return "the step-up was declined"
        case .misconfigured(let code): return "the app or its request is misconfigured (\(code))"
        }
    }
}

/// What the native library throws, as what the app sees.
func translated<T>(_ work: () async throws -> T) async throws -> T {
    do {
        return try await work()
    } catch let error as AttestNative.AttestError {
        throw AttestError(error)
    } catch let error as AttestError {
        throw error
    } catch {
        // Nothing else is expected; whatever it is, the library goes on.
        throw AttestError.tryLater(code: "internal", seconds: 1)
    }
}
