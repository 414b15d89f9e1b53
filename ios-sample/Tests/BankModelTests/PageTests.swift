import Attest
import Foundation
import FoundationNetworking
import XCTest

/// docs/ios.md, followed literally.
final class PageTests: XCTestCase {
    private var guardian: Guardian?
    private var backend: Backend?
    private var gateway: Program?
    private let log = Notices()
    private static var kept: [Backend] = []

    override func setUp() {
        guardian = Guardian(name)
    }

    override func tearDown() {
        backend?.attest.close()
        gateway?.stop()
        guardian?.rest()
    }

    /// Each block of Swift is compiled: it stands in a source of this package.
    func testShowsNoSwiftButWhatIsCompiled() throws {
        var shown: [String] = []
        var before = ""
        for line in try Checkout.text("docs/ios.md").components(separatedBy: "\n") {
            if line == "```swift" {
                let source = try XCTUnwrap(Source.named(before), "a block without its source, after: \(before)")
                try Checkout.compare(source.code(), with: "docs/ios.md", after: before)
                shown.append(source.block)
            }
            before = line
        }
        XCTAssertEqual(shown.sorted(), try Source.all().sorted())
    }

    func testTellsEverySettingAndEveryError() throws {
        let page = try Checkout.text("docs/ios.md")
        let told = { (file: String, pattern: String, row: (String) -> String) in
            let source = try Checkout.text("attest-mobile/ios/Sources/Attest/" + file)
            let names = source.components(separatedBy: "\n").compactMap { line in
                line.range(of: pattern, options: .regularExpression).map { String(line[$0]).split(whereSeparator: { " :=(".contains($0) }) }
            }
            XCTAssertGreaterThan(names.count, 5, file)
            for name in names {
                let name = String(try XCTUnwrap(name.last))
                XCTAssertTrue(page.contains(row(name)), "\(file): \(name)")
            }
        }
        try told("AttestSettings.swift", "^    public var [a-zA-Z]+") { "\n| `\($0)` |" }
        try told("AttestError.swift", "^    case [a-zA-Z]+") { "\n| `\($0)" }
    }

    /// Its commands, its app and its request; only the ports are others.
    func testWorksAsItSays() async throws {
        let bank = try Server(as: "127.0.0.1")
        let (backend, api) = try quickstart(bank: bank.url(""))
        let status = try await balance(by: backend, at: api)
        XCTAssertEqual(status, 200)
        XCTAssertTrue(isReady(backend.attest))
        let (_, without) = try await plain.data(for: URLRequest(url: XCTUnwrap(URL(string: api + "/v1/balance"))))
        XCTAssertEqual((without as? HTTPURLResponse)?.statusCode, 401)
        try Checkout.compare(log.all.joined(separator: "\n") + "\n", with: "docs/ios.md", block: "log")
        try Checkout.compare(steady(forSupport(backend.attest)), with: "docs/ios.md", block: "diagnostics")

        let request = URLRequest(url: try XCTUnwrap(URL(string: api + "/v1/balance")))
        let known = await reply(to: request, by: backend.session)
        XCTAssertFalse(try known.get().isEmpty)
        let (_, other) = try await send(request, with: backend.attest) { try await plain.data(for: $0) }
        XCTAssertEqual((other as? HTTPURLResponse)?.statusCode, 200)
        backend.attest.close()
        let closed = try await balance(by: backend, at: api)
        XCTAssertEqual(closed, 401, "without the library there are no tokens")
    }

    func testSaysWhatToShowWithoutAConnection() async throws {
        let (backend, api) = try quickstart(bank: "http://127.0.0.1:9")
        try await backend.attest.ready()
        gateway?.stop()
        let request = URLRequest(url: try XCTUnwrap(URL(string: api + "/v1/balance")))
        let gone = await reply(to: request, by: backend.session)
        XCTAssertEqual(gone, .failure("There is no connection."))
    }

    /// What differs from run to run, and from version to version, by its name.
    private func steady(_ text: String) -> String {
        let varying = [
            ("attest [0-9.]+", "attest <version>"), ("server time s: [0-9]+", "server time s: <time>"),
            ("us [0-9]+, at most [0-9]+", "us <time>, at most <time>"), ("(?m)^[0-9]+ s ago", "<n> s ago"),
            ("ends in s: [0-9]+", "ends in s: <n>"),
        ]
        return varying.reduce(text) { $0.replacingOccurrences(of: $1.0, with: $1.1, options: .regularExpression) }
    }

    /// Somebody may take the port between its choice and its use; then there is another try.
    private func quickstart(bank: String, tries: Int = 5) throws -> (Backend, api: String) {
        let api = "http://127.0.0.1:\(freePort())"
        do {
            return (try quickstart(freshFolder(), api: api, bank: bank), api)
        } catch let silence as Program.Silence where tries > 1 && silence.said.contains("in use") {
            return try quickstart(bank: bank, tries: tries - 1)
        }
    }

    private func quickstart(_ folder: URL, api: String, bank: String) throws -> Backend {
        let page = try Checkout.text("docs/ios.md").replacingOccurrences(of: "http://127.0.0.1:9000", with: bank)
            .replacingOccurrences(of: "127.0.0.1:8080", with: String(api.dropFirst("http://".count)))
        let blocks = { (kind: String) in
            page.components(separatedBy: "```\(kind)\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
        }
        let commands = blocks("sh").prefix(2).joined().split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        XCTAssertEqual(commands.map(\.first), ["attest", "cp", "attest"])
        let attest = environment("ATTEST_BINARY")
        try Program.run(attest, Array(commands[0].dropFirst()), in: folder)
        try Data(blocks("yaml")[0].utf8).write(to: folder.appendingPathComponent("my-gateway/policy.yaml"))
        let root = try Data(contentsOf: folder.appendingPathComponent(commands[1][1]))
        let program = try Program(attest, Array(commands[2].dropFirst()), in: folder)
        gateway = program
        try program.line(with: " serving ")
        var settings = AttestSettings.development(policyRoot: root)
        settings.serviceUrl = settings.serviceUrl.replacingOccurrences(of: "http://127.0.0.1:8080", with: api)
        settings.folder = folder.appendingPathComponent("phone")
        settings.debugLog = { [log] in log.add("attest " + $0) }
        let made = try Backend(settings)
        backend = made
        // Foundation on Linux crashes when it frees a session that has sent anything.
        Self.kept.append(made)
        return made
    }
}

/// A block of a page, and where its code stands.
private struct Source {
    let file: String
    let block: String

    /// By the line before the block: `<!-- FILE: BLOCK -->`.
    static func named(_ line: String) -> Source? {
        guard line.hasPrefix("<!-- "), line.hasSuffix(" -->") else { return nil }
        let parts = line.dropFirst(5).dropLast(4).components(separatedBy: ": ")
        return parts.count == 2 ? Source(file: parts[0], block: parts[1]) : nil
    }

    /// Names of all blocks of the files that have any.
    static func all() throws -> [String] {
        try files.flatMap { file in
            try Checkout.text("ios-sample/" + file).split(separator: "\n").compactMap { line in
                let line = line.trimmingCharacters(in: .whitespaces)
                return line.hasPrefix(begin) ? String(line.dropFirst(begin.count)) : nil
            }
        }
    }

    /// What stands between the block's marks, moved to the left.
    func code() throws -> String {
        let lines = try Checkout.text("ios-sample/" + file).components(separatedBy: "\n")
        let first = try XCTUnwrap(lines.firstIndex { $0.hasSuffix(Self.begin + block) }, "\(file) has no \(block)")
        let inside = lines[(first + 1)...].prefix { !$0.hasSuffix(Self.end) }
        let indent = lines[first].prefix { $0 == " " }.count
        return inside.map { String($0.dropFirst(min(indent, $0.prefix { $0 == " " }.count))) + "\n" }.joined()
    }

    private static let files = ["Package.swift", "Tests/BankModelTests/Page.swift"]
    private static let begin = "// page: "
    private static let end = "// page ends"
}
