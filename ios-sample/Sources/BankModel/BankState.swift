import Attest

/// All that screens show.
public struct BankState: Equatable, Sendable {
    public enum Screen: Equatable, Sendable {
        case onboarding
        case login(name: String)
        case payments
    }

    public var screen = Screen.onboarding
    /// Whether a request is on its way.
    public var isBusy = false
    /// What to tell the user; `nil`: nothing went wrong.
    public var advice: Advice?
    /// What the user is asked to confirm; while it is there, its screen is in front.
    public var confirmation: AttestStepUp?
    public var paid: [Payment] = []
    public var payees: [String] = []
}

/// Money for somebody.
public struct Payment: Equatable, Sendable {
    public let cents: Int
    public let recipient: String

    public init(cents: Int, to recipient: String) {
        self.cents = cents
        self.recipient = recipient
    }
}
