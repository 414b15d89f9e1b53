import Foundation
import Glibc

/// A process with a pipe to its input and one from its outputs. Foundation's `Process` on Linux loses ends of short programs now and
/// then, and gives the signal mask of a queue's thread, which blocks all that can end a program politely, on to the child.
final class Child: @unchecked Sendable {
    private let id: pid_t
    private let input: Int32
    private let output: Int32

    init(_ path: String, _ arguments: [String], in folder: URL?, with variables: [String: String]) throws {
        // One at a time: else a child could inherit an end of another's pipe.
        Self.spawning.lock()
        defer { Self.spawning.unlock() }
        let (input, output) = (try Self.pipe(), try Self.pipe())
        defer { [input.read, output.write].forEach { _ = close($0) } }
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_adddup2(&actions, input.read, 0)
        posix_spawn_file_actions_adddup2(&actions, output.write, 1)
        posix_spawn_file_actions_adddup2(&actions, output.write, 2)
        if let folder { posix_spawn_file_actions_addchdir_np(&actions, folder.path) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }.map { "\($0)=\($1)" }
        var id = pid_t()
        let failure = Self.withStrings([path] + arguments) { arguments in
            Self.withStrings(environment) { posix_spawn(&id, path, &actions, &attributes, arguments, $0) }
        }
        guard failure == 0 else {
            [input.write, output.read].forEach { _ = close($0) }
            throw Failure(call: "posix_spawn " + path, code: failure)
        }
        (self.id, self.input, self.output) = (id, input.write, output.read)
    }

    /// What it says next; `nil` at its end. Waits.
    func read() -> Data? {
        var part = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = Glibc.read(output, &part, part.count)
            if count < 0, errno == EINTR { continue }
            return count > 0 ? Data(part[..<count]) : nil
        }
    }

    /// Waits for its end, once; its exit status, or 128 and the signal that ended it.
    func end() -> Int32 {
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0, errno == EINTR {}
        [input, output].forEach { _ = close($0) }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    }

    /// To be called before `end` has returned only: after it, the id may be another process's.
    func kill() {
        _ = Glibc.kill(id, SIGKILL)
    }

    private static let spawning = NSLock()

    struct Failure: Error {
        let call: String
        let code: Int32
    }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw Failure(call: "pipe", code: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func withStrings<T>(_ strings: [String], _ work: ([UnsafeMutablePointer<CChar>?]) -> T) -> T {
        let copies = strings.map { strdup($0) }
        defer { copies.forEach { free($0) } }
        return work(copies + [nil])
    }
}
