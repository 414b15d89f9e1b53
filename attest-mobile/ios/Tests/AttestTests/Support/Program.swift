import Foundation
import XCTest

/// A program that runs beside the tests, with the lines it says.
final class Program: @unchecked Sendable {
    private let process = Process()
    private let input = Pipe()
    private let condition = NSCondition()
    private var lines: [String] = []
    private var pending = Data()
    private var hasEnded = false

    init(_ path: String, _ arguments: [String], in folder: URL? = nil) throws {
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.standardInput = input
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        output.fileHandleForReading.readabilityHandler = { [weak self] handle in
            let part = handle.availableData
            if part.isEmpty { handle.readabilityHandler = nil }
            self?.heard(part)
        }
        try process.run()
        // Else there is no end of what it says.
        try? output.fileHandleForWriting.close()
    }

    /// The first line from `position` on that contains `text`. Fails the test if the program ends before, or after a minute.
    @discardableResult
    func line(with text: String, from position: Int = 0) throws -> String {
        let deadline = Date() + 60
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let line = lines.dropFirst(position).first(where: { text.isEmpty || $0.contains(text) }) { return line }
            guard !hasEnded, condition.wait(until: deadline) else {
                throw Silence(wanted: text, said: lines.suffix(20).joined(separator: "\n"))
            }
        }
    }

    /// How many lines it has said.
    var position: Int { condition.withLock { lines.count } }

    func stop() {
        guard process.isRunning else { return }
        try? input.fileHandleForWriting.close()
        process.terminate()
        process.waitUntilExit()
    }

    /// Runs a program to its end and returns what it said. It must succeed.
    @discardableResult
    static func run(_ path: String, _ arguments: [String], in folder: URL? = nil) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try? output.fileHandleForWriting.close()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Silence(wanted: ([path] + arguments).joined(separator: " "), said: said)
        }
        return said
    }

    struct Silence: Error {
        let wanted: String
        let said: String
    }

    private func heard(_ part: Data) {
        condition.lock()
        defer { condition.unlock() }
        if part.isEmpty { hasEnded = true }
        pending += part
        while let end = pending.firstIndex(of: 10) {
            lines.append(String(decoding: pending[pending.startIndex..<end], as: UTF8.self))
            pending = Data(pending[(end + 1)...])
        }
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
