import AttestNative
import Foundation

/// Waits, on a thread of the native library and for a bounded time, for what one of Apple's asynchronous functions answers.
final class Answer<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private let arrived = DispatchSemaphore(value: 0)
    private var result: Result<Value, Error>?

    /// The first answer counts.
    func give(_ answer: Result<Value, Error>) {
        lock.lock()
        let first = result == nil
        if first { result = answer }
        lock.unlock()
        if first { arrived.signal() }
    }

    /// For completion handlers with a value or an error.
    func give(_ value: Value?, _ error: Error?) {
        if let value {
            give(.success(value))
        } else {
            give(.failure(error ?? HostFailure.Failed))
        }
    }

    /// The answer, without a bound in time.
    func wait() throws -> Value {
        arrived.wait()
        return try taken()
    }

    /// The answer; `HostFailure.TimedOut` if there is none within `seconds`.
    func wait(seconds: Double) throws -> Value {
        guard arrived.wait(timeout: .now() + seconds) == .success else {
            throw HostFailure.TimedOut
        }
        return try taken()
    }

    private func taken() throws -> Value {
        lock.lock()
        defer { lock.unlock() }
        guard let result else { throw HostFailure.Failed }
        return try result.get()
    }
}
