import Attest
import Foundation

/// What the app tells its user when something did not work.
public enum Advice: Equatable, Sendable {
    /// There is no connection, or one that somebody else answers.
    case goOnline
    /// The bank is busy; it makes sense again after so many seconds.
    case tryLater(seconds: Double)
    /// This version of the app is too old.
    case updateApp
    /// The bank does not accept this device, app or request. Only its operators can read why out of the code.
    case callUs(support: String)
    /// The user did not confirm; nothing has happened.
    case notConfirmed
    /// The code that the user typed is not the one that was sent.
    case wrongCode
    /// A mistake of ours, about which the user can do nothing. What it is stands in the log.
    case sorry

    /// The sentence that is shown.
    public var text: String {
        switch self {
        case .goOnline: return "There is no safe connection to the bank. Please check your network."
        case .tryLater(let seconds): return "The bank is busy. Please try again in \(Int(seconds.rounded(.up))) s."
        case .updateApp: return "Please update the app in the App Store."
        case .callUs(let support): return "This does not work on this device. Please call us and say this code: \(support)"
        case .notConfirmed: return "You did not confirm. Nothing was done."
        case .wrongCode: return "That is not the code that we sent you."
        case .sorry: return "Something went wrong on our side. We are sorry."
        }
    }
}

extension Advice {
    /// Whatever a request failed with.
    init(_ error: Error) {
        if let refused = error as? Refused {
            self.init(refused)
        } else if let error = AttestError(error) {
            self.init(error)
        } else if (error as NSError).domain == NSURLErrorDomain {
            self = .goOnline
        } else {
            self = .sorry
        }
    }

    /// The library could not authorise a request, or not follow its refusal.
    init(_ error: AttestError) {
        switch error {
        case .offline: self = .goOnline
        case .tryLater(_, let seconds): self = .tryLater(seconds: seconds)
        case .updateApp: self = .updateApp
        case .refused(_, let support): self = .callUs(support: support)
        case .stepUpDeclined: self = .notConfirmed
        case .misconfigured: self = .sorry
        }
    }

    /// The gateway's reply, after the library has done what it could about it.
    init(_ refused: Refused) {
        switch refused.refusal.retry {
        case "later": self = .tryLater(seconds: refused.after ?? 30)
        case "step-up": self = .notConfirmed
        default: self = .callUs(support: refused.refusal.support)
        }
    }
}
