import Foundation
import XCTest

/// Each scenario of the contract has one test of its name in this folder, and there is no other test here.
final class ScenarioTests: XCTestCase {
    func testEachScenarioIsShown() throws {
        let contract = try String(contentsOf: linkFolder.appendingPathComponent("contract-scenarios.txt"), encoding: .utf8)
        let scenarios = contract.split(separator: "\n").filter { !$0.hasPrefix("#") }
            .map { $0.prefix { $0 != ":" }.split(separator: "-").map(\.capitalized).joined() }
        XCTAssertGreaterThan(scenarios.count, 30)
        XCTAssertEqual(try shown().sorted(), scenarios.sorted())
    }

    /// The names of all tests here but this file's.
    private func shown() throws -> [String] {
        let here = URL(fileURLWithPath: #filePath)
        let files = try FileManager.default.contentsOfDirectory(
            at: here.deletingLastPathComponent(), includingPropertiesForKeys: nil)
        return try files.filter { $0.lastPathComponent != here.lastPathComponent }.flatMap { file in
            try String(contentsOf: file, encoding: .utf8).components(separatedBy: "    func test").dropFirst()
                .map { String($0.prefix { $0 != "(" }) }
        }
    }
}

/// The folder `attest-mobile/link`, beside the package's.
let linkFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("link")
