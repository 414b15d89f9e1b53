import Attest
import Foundation

/// Has the user confirm what the policy wants to be confirmed: the library asks, a screen answers.
@MainActor
final class Confirmation {
    /// Exchanges the code that the user typed for what the issuer signs.
    private let issuer: StepUpIssuer
    private let changed: (AttestStepUp?) -> Void
    private var asked: (stepUp: AttestStepUp, answer: CheckedContinuation<String?, Never>)?

    init(issuer: @escaping StepUpIssuer, changed: @escaping (AttestStepUp?) -> Void) {
        self.issuer = issuer
        self.changed = changed
    }

    /// For `AttestSettings.stepUp`: returns when the user has answered, or when the library is closed.
    func ask(_ stepUp: AttestStepUp) async -> String? {
        answer(nil)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { answer in
                asked = (stepUp, answer)
                changed(stepUp)
                if Task.isCancelled { self.answer(nil) }
            }
        } onCancel: {
            Task { @MainActor in self.answer(nil) }
        }
    }

    /// The user typed a code; `false` if it is wrong. Then, and if the issuer throws, the question stays.
    func confirm(code: String) async throws -> Bool {
        guard let stepUp = asked?.stepUp else { return true }
        guard let signed = try await issuer(stepUp, code) else { return false }
        if asked?.stepUp == stepUp { answer(signed) }
        return true
    }

    func decline() { answer(nil) }

    private func answer(_ signed: String?) {
        guard let waiting = asked else { return }
        asked = nil
        changed(nil)
        waiting.answer.resume(returning: signed)
    }
}

/// Who confirms: gives what it signed (a compact JWS) for a step-up and the code that the user typed; `nil` for a wrong code.
public typealias StepUpIssuer = @Sendable (AttestStepUp, String) async throws -> String?
