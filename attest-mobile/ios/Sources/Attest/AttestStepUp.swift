import AttestNative
import Foundation

/// A confirmation by the user that the policy asks for before a request passes.
public struct AttestStepUp: Equatable, Sendable {
    /// Identifies the request towards the issuer.
    public let id: String
    /// Who confirms: an issuer that the policy names.
    public let issuer: String?
}

/// Lets the user confirm, and returns what the issuer signed (a compact JWS); `nil` if the user declined. It may take as long as it
/// takes. Called on no particular thread; cancelled by `close()`.
public typealias StepUpHandler = @Sendable (AttestStepUp) async throws -> String?

/// Asks the app's handler on behalf of the native library, whose thread waits.
final class StepUps: StepUpPrompt, @unchecked Sendable {
    private struct Open {
        let task: Task<Void, Never>
        let answer: Answer<String?>
    }

    private let handler: StepUpHandler?
    private let lock = NSLock()
    private var open: [UUID: Open] = [:]
    private var isClosed = false

    init(_ handler: StepUpHandler?) {
        self.handler = handler
    }

    func complete(stepUp: StepUp) throws -> String? {
        guard let handler else { return nil }
        let asked = AttestStepUp(id: stepUp.id, issuer: stepUp.issuer)
        let answer = Answer<String?>()
        let id = UUID()
        lock.lock()
        if isClosed {
            lock.unlock()
            return nil
        }
        let task = Task {
            do {
                answer.give(.success(try await handler(asked)))
            } catch {
                answer.give(.failure(HostFailure.Failed))
            }
        }
        open[id] = Open(task: task, answer: answer)
        lock.unlock()
        defer { forget(id) }
        return try answer.wait()
    }

    /// Ends all that waits for the user, as declined.
    func close() {
        lock.lock()
        isClosed = true
        let ended = Array(open.values)
        lock.unlock()
        for waiting in ended {
            waiting.task.cancel()
            waiting.answer.give(.success(nil))
        }
    }

    private func forget(_ id: UUID) {
        lock.lock()
        open[id] = nil
        lock.unlock()
    }
}
