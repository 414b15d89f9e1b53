import Foundation
import XCTest

/// Files of the checkout that tests compare with what they saw, and write where `ATTEST_BLESS` is 1.
enum Checkout {
    /// The folder above `ios-sample`.
    static let root = (0..<4).reduce(URL(fileURLWithPath: #filePath)) { folder, _ in folder.deletingLastPathComponent() }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// The block of a page that tests write, in fences after its name.
    static func compare(_ seen: String, with path: String, block name: String) throws {
        try compare(seen, with: path, after: "<!-- \(name): written by ATTEST_BLESS=1 cargo xtask test --swift -->")
    }

    /// The block of a page that follows this line, in fences.
    static func compare(_ seen: String, with path: String, after line: String) throws {
        let page = try text(path)
        let start = try XCTUnwrap(page.range(of: line + "\n```"), "\(path): nothing after \(line)").upperBound
        let body = try XCTUnwrap(page.range(of: "\n", range: start..<page.endIndex)).upperBound
        let end = try XCTUnwrap(page.range(of: "```", range: body..<page.endIndex)).lowerBound
        if page[body..<end] == seen { return }
        guard ProcessInfo.processInfo.environment["ATTEST_BLESS"] == "1" else {
            return XCTAssertEqual(String(page[body..<end]), seen, "\(path), after \(line)")
        }
        let written = page.replacingCharacters(in: body..<end, with: seen)
        try Data(written.utf8).write(to: root.appendingPathComponent(path), options: .atomic)
    }
}
