import Foundation

/// A program that runs beside the tests, with the lines it says. Nothing here waits for more than a minute.
final class Program: @unchecked Sendable {
    private let child: Child
    private let condition = NSCondition()
    private var lines: [String] = []
    private var pending = Data()
    private var status: Int32?

    init(_ path: String, _ arguments: [String], in folder: URL? = nil, with variables: [String: String] = [:]) throws {
        child = try Child(path, arguments, in: folder, with: variables)
        Thread.detachNewThread { [self, child] in
            while let part = child.read() { heard(part) }
            ended(child.end())
        }
    }

    /// The first line from `position` on that contains `text`. Throws if the program ends before, or after a minute.
    @discardableResult
    func line(with text: String, from position: Int = 0) throws -> String {
        try wait(for: text) {
            let line = lines.dropFirst(position).first { text.isEmpty || $0.contains(text) }
            if line == nil, status != nil { throw silence(text) }
            return line
        }
    }

    /// How many lines it has said.
    var position: Int { condition.withLock { lines.count } }

    /// What it said at last, if it ended by itself.
    var epitaph: String? { condition.withLock { status.map { "\($0): " + silence("").said } } }

    /// Ends it, at once.
    func stop() {
        condition.withLock { if status == nil { child.kill() } }
        _ = try? wait(for: "its end") { status }
    }

    /// Runs a program to its end and returns what it said. It must succeed.
    @discardableResult
    static func run(
        _ path: String, _ arguments: [String], in folder: URL? = nil, with variables: [String: String] = [:]
    ) throws -> String {
        let program = try Program(path, arguments, in: folder, with: variables)
        defer { program.stop() }
        let status = try program.wait(for: "its end") { program.status }
        guard status == 0 else { throw program.silence(([path] + arguments).joined(separator: " ")) }
        return program.lines.joined(separator: "\n")
    }

    struct Silence: Error {
        let wanted: String
        let said: String
    }

    /// Waits until `found` finds something. It is asked with the lock held.
    private func wait<Found>(for wanted: String, _ found: () throws -> Found?) throws -> Found {
        let deadline = Date() + 60
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let found = try found() { return found }
            guard condition.wait(until: deadline) else { throw silence(wanted) }
        }
    }

    private func silence(_ wanted: String) -> Silence {
        Silence(wanted: wanted, said: lines.suffix(20).joined(separator: "\n"))
    }

    private func heard(_ part: Data) {
        condition.lock()
        defer { condition.unlock() }
        pending += part
        while let end = pending.firstIndex(of: 10) {
            lines.append(String(decoding: pending[pending.startIndex..<end], as: UTF8.self))
            pending = Data(pending[(end + 1)...])
        }
        condition.broadcast()
    }

    private func ended(_ status: Int32) {
        condition.lock()
        defer { condition.unlock() }
        if !pending.isEmpty { lines.append(String(decoding: pending, as: UTF8.self)) }
        self.status = status
        condition.broadcast()
    }
}

extension NSCondition {
    func withLock<T>(_ work: () throws -> T) rethrows -> T {
        lock()
        defer { unlock() }
        return try work()
    }
}

/// A folder of this run, removed at its end.
func freshFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("attest-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
}
