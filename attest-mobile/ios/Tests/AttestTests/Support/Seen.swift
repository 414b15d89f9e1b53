import Foundation

/// What a callback was given.
final class Seen<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var values: [Value] = []

    var all: [Value] { lock.withLock { values } }

    func add(_ value: Value) {
        lock.withLock { values.append(value) }
    }
}
