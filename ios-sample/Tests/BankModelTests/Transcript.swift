import Foundation
import XCTest

/// Who did and saw what, as the README shows it. What differs from run to run is replaced by its name.
final class Transcript {
    private var lines: [String] = []

    func say(_ who: String, _ what: String) {
        for (index, line) in what.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let who = index == 0 ? who : ""
            lines.append((who.padding(toLength: 10, withPad: " ", startingAt: 0) + Self.steady(String(line))).trimmingEnd())
        }
    }

    var text: String { lines.joined(separator: "\n") + "\n" }

    /// Support codes and times as words.
    private static func steady(_ line: String) -> String {
        let varying = [
            ("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z, .*", "<time>"),
            ("[0-9a-z]{40,}", "<support code>"),
        ]
        return varying.reduce(line) { $0.replacingOccurrences(of: $1.0, with: $1.1, options: .regularExpression) }
    }
}

extension String {
    func trimmingEnd() -> String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
