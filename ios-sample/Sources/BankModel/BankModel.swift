import Attest
import Foundation
#if canImport(Combine)
    import Combine
#endif
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What the screens show and do, without any screen: onboarding, login, payments.
@MainActor
public final class BankModel {
    /// What is shown.
    public private(set) var state = BankState() {
        willSet { announce() }
        didSet { changed?(state) }
    }

    /// Hears of every change, for screens without SwiftUI.
    public var changed: ((BankState) -> Void)?

    let attest: Attest
    private let bank: Bank
    private var confirmation: Confirmation?

    #if canImport(Combine)
        public let objectWillChange = ObservableObjectPublisher()
    #endif

    /// - Parameters:
    ///   - settings: Where the gateway is and how this app is known there.
    ///   - origin: The bank's API, behind the gateway.
    ///   - issuer: Who confirms step-ups.
    /// - Throws: `AttestError.misconfigured`.
    public init(_ settings: AttestSettings, bank origin: URL, issuer: @escaping StepUpIssuer) throws {
        let asking = Asking()
        var settings = settings
        settings.stepUp = { await asking.confirmation?.ask($0) }

        // attest, line 2 of 3: the library.
        attest = try Attest.start(settings)
        let configuration = URLSessionConfiguration.default
        // attest, line 3 of 3: this session's requests carry tokens.
        configuration.protocolClasses = [attest.urlProtocol]
        bank = Bank(origin: origin, session: URLSession(configuration: configuration))

        let confirmation = Confirmation(issuer: issuer) { [weak self] in self?.state.confirmation = $0 }
        self.confirmation = confirmation
        asking.confirmation = confirmation
    }

    public func onboard(name: String) async {
        await run { [bank] in
            try await bank.onboard(name: name)
            return { $0.screen = .login(name: name) }
        }
    }

    public func logIn() async {
        guard case .login(let name) = state.screen else { return }
        await run { [bank] in
            try await bank.logIn(name: name)
            return { $0.screen = .payments }
        }
    }

    public func pay(_ payment: Payment) async {
        await run { [bank] in
            try await bank.pay(payment)
            return { $0.paid.append(payment) }
        }
    }

    public func add(payee: String) async {
        await run { [bank] in
            try await bank.add(payee: payee)
            return { $0.payees.append(payee) }
        }
    }

    /// The user answers the step-up screen with the code that the issuer sent.
    public func confirm(code: String) async {
        do {
            state.advice = try await confirmation?.confirm(code: code) == false ? .wrongCode : nil
        } catch {
            state.advice = Advice(error)
        }
    }

    /// The user leaves the step-up screen.
    public func decline() { confirmation?.decline() }

    /// Ends the library. The model is of no use afterwards.
    public func close() { attest.close() }

    /// Does what a screen asked for, and says what to show when it did not work.
    private func run(_ work: @Sendable () async throws -> (inout BankState) -> Void) async {
        state.advice = nil
        state.isBusy = true
        defer { state.isBusy = false }
        do {
            let done = try await work()
            done(&state)
        } catch {
            state.advice = Advice(error)
        }
    }

    private func announce() {
        #if canImport(Combine)
            objectWillChange.send()
        #endif
    }

    /// What the library asks before there is a model.
    @MainActor
    private final class Asking {
        weak var confirmation: Confirmation?
    }
}

#if canImport(Combine)
    extension BankModel: ObservableObject {}
#endif
