import Foundation
import Security
import XCTest

@testable import Attest

/// Tests with a phone of their own: Keychain and Secure Enclave are empty before each, and no library is open.
class PhoneTestCase: XCTestCase {
    private nonisolated(unsafe) static var shared: Gateway?
    private var guardian: Guardian?

    /// One gateway for all tests of a class that do not change it.
    class func gateway() throws -> Gateway {
        if let shared { return shared }
        let made = try makeGateway()
        shared = made
        return made
    }

    /// The gateway that a class's phones know.
    class func makeGateway() throws -> Gateway { try Gateway() }

    override class func tearDown() {
        shared = nil
    }

    override func setUp() {
        guardian = Guardian(name)
        StandInKeychain.shared.reset()
    }

    override func tearDown() {
        Opened.one.attest?.close()
        StandInKeychain.shared.reset()
        guardian?.rest()
        XCTAssertNil(Self.shared?.epitaph, "the gateway ended")
        XCTAssertEqual(Hooks.offences.all, [], "called on the main thread")
    }

    func phone() throws -> Phone { try Phone(Self.gateway()) }

    /// The library's error of what is thrown.
    func error(_ work: () async throws -> Void, file: StaticString = #filePath, line: UInt = #line) async -> LibraryError? {
        do {
            try await work()
            XCTFail("nothing was thrown", file: file, line: line)
            return nil
        } catch {
            let ours = LibraryError(error)
            if ours == nil { XCTFail("\(error)", file: file, line: line) }
            return ours
        }
    }

    /// A request reaches the bank.
    func passes(_ attest: Library, _ phone: Phone, file: StaticString = #filePath, line: UInt = #line) async throws {
        let sent = try await attest.sent(phone.request("login", body: "{}"))
        XCTAssertEqual(sent.status, 200, file: file, line: line)
    }

    /// Waits for what another thread or process does. The guardian ends the run if it never comes.
    func eventually(_ holds: () async throws -> Bool) async throws {
        while try await !holds() { try await Task.sleep(nanoseconds: 5_000_000) }
    }
}

/// Ends the whole run when one test takes longer than any may, on however busy a machine: XCTest would wait for ever.
final class Guardian {
    private let timer: any DispatchSourceTimer

    init(_ test: String) {
        timer = DispatchSource.makeTimerSource(queue: Self.queue)
        timer.setEventHandler {
            let heard = Hooks.latest?.heard.all.suffix(10).joined(separator: "; ") ?? "nothing"
            FileHandle.standardError.write(Data("\(test) hangs; the library said at last: \(heard)\n".utf8))
            _exit(70)
        }
        timer.schedule(deadline: .now() + Self.patience)
        timer.resume()
    }

    func rest() {
        timer.cancel()
    }

    private static let patience = 120.0
    private static let queue = DispatchQueue(label: "guardian")
}
