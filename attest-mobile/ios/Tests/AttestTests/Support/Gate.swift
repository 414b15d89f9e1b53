import Foundation

/// Holds calls back until a test opens it, and says when the first one has arrived.
final class Gate: @unchecked Sendable {
    private let condition = NSCondition()
    private var hasArrived = false
    private var isOpen = false

    /// Waits until the gate is open, or for two minutes: whatever happens to a test, its threads end.
    func pass() {
        condition.lock()
        hasArrived = true
        condition.broadcast()
        let deadline = Date() + 120
        while !isOpen, condition.wait(until: deadline) {}
        condition.unlock()
    }

    func open() {
        condition.lock()
        isOpen = true
        condition.broadcast()
        condition.unlock()
    }

    /// Returns once a call waits, or has passed; throws after a minute.
    func waitForArrival() throws {
        let deadline = Date() + 60
        condition.lock()
        defer { condition.unlock() }
        while !hasArrived {
            guard condition.wait(until: deadline) else { throw NobodyCame() }
        }
    }

    struct NobodyCame: Error {}
}
