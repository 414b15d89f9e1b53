import Foundation
import XCTest

/// Files of the checkout that tests compare with what they saw, and write where `ATTEST_BLESS` is 1.
enum Checkout {
    /// The folder above `ios-sample`.
    static let root = (0..<4).reduce(URL(fileURLWithPath: #filePath)) { folder, _ in folder.deletingLastPathComponent() }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// The block of a page that stands between its name and its end, in fences.
    static func compare(_ seen: String, with path: String, block name: String) throws {
        let page = try text(path)
        let begin = "<!-- \(name): written by ATTEST_BLESS=1 cargo xtask test --swift -->\n```"
        let start = try XCTUnwrap(page.range(of: begin), "\(path) has no block \(name)").upperBound
        let body = try XCTUnwrap(page.range(of: "\n", range: start..<page.endIndex)).upperBound
        let end = try XCTUnwrap(page.range(of: "```", range: body..<page.endIndex)).lowerBound
        if page[body..<end] == seen { return }
        guard ProcessInfo.processInfo.environment["ATTEST_BLESS"] == "1" else {
            return XCTAssertEqual(String(page[body..<end]), seen, "\(path), block \(name)")
        }
        let written = page.replacingCharacters(in: body..<end, with: seen)
        try Data(written.utf8).write(to: root.appendingPathComponent(path), options: .atomic)
    }
}
