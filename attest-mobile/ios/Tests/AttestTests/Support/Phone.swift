import AttestNative
import Foundation
import FoundationNetworking
import Security
import XCTest

@testable import Attest

/// A phone with the app on it: the library's own host parts over the stand-ins, and hooks before each.
final class Phone: @unchecked Sendable {
    let hooks = Hooks()
    let clock = TestClock()
    let gateway: Gateway
    let folder: URL
    var settings: AttestSettings
    private(set) var notices = Notices()

    init(_ gateway: Gateway) throws {
        self.gateway = gateway
        folder = try freshFolder()
        settings = AttestSettings(serviceUrl: gateway.serviceUrl, app: "bank-ios", policyRoot: gateway.root)
        settings.environment = .development
        settings.qaIdentity = true
        settings.appVersion = "1.0"
        settings.folder = folder
        settings.callTimeout = 30
        settings.debugLog = { [notices] in notices.add($0) }
    }

    /// The host parts without hooks.
    func host() -> PhoneHost {
        var host = PhoneHost.phone(settings)
        host.clock = clock
        return host
    }

    func start() throws -> Library { try Library.start(settings, on: hooks.around(host())) }

    func started() async throws -> Library {
        let attest = try start()
        try await attest.ready()
        return attest
    }

    func request(_ route: String, query: String = "", body: String? = nil) -> URLRequest {
        var request = URLRequest(url: URL(string: gateway.origin + "/v1/" + route + query)!)
        request.timeoutInterval = 60
        if let body {
            request.httpMethod = "POST"
            request.httpBody = Data(body.utf8)
        }
        return request
    }
}

/// What a debug log said.
final class Notices: @unchecked Sendable {
    private let lock = NSLock()
    private var lines: [String] = []

    var all: [String] { lock.withLock { lines } }

    func add(_ line: String) {
        lock.withLock { lines.append(line) }
    }

    func count(_ code: String) -> Int { all.filter { $0.hasPrefix(code + ":") }.count }
}

/// The phone's clocks: the true ones, and how wrong the one on the wall is.
final class TestClock: Clock, @unchecked Sendable {
    private let lock = NSLock()
    private var wrongBy: Int64 = 0
    private var passed: Int64 = 0

    func setWrong(bySeconds seconds: Int64) {
        lock.withLock { wrongBy = seconds }
    }

    /// Time passes, for the phone.
    func pass(seconds: Int64) {
        lock.withLock { passed += seconds }
    }

    func wallS() throws -> UInt64 {
        UInt64(Int64(Date().timeIntervalSince1970) + lock.withLock { wrongBy + passed })
    }

    func monotonicUs() throws -> UInt64 {
        UInt64((ProcessInfo.processInfo.systemUptime + Double(lock.withLock { passed })) * 1_000_000)
    }
}

/// What came of a request that was sent.
struct Sent {
    let status: Int
    let refusal: AttestRefusal?
    let data: Data

    init(_ data: Data, _ response: URLResponse) {
        status = (response as? HTTPURLResponse)?.statusCode ?? 0
        refusal = AttestRefusal(data: data, response: response)
        self.data = data
    }

    /// What the bank saw.
    var seen: [String: Any] { (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:] }

    /// A header that the bank saw.
    func header(_ name: String) -> String? { (seen["headers"] as? [String: String])?[name] }
}

/// A session without the library.
let plain: URLSession = {
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = 60
    return URLSession(configuration: configuration)
}()

extension URLSession {
    /// Sends without the library's help.
    func sent(_ request: URLRequest) async throws -> Sent {
        let (data, response) = try await data(for: request)
        return Sent(data, response)
    }
}

extension Library {
    /// Sends with it.
    func sent(_ request: URLRequest) async throws -> Sent {
        let (data, response) = try await plain.attestData(for: request, by: self)
        return Sent(data, response)
    }
}

extension URLSessionConfiguration {
    /// One whose sessions send their requests with tokens.
    static func protected(by attest: Library) -> URLSessionConfiguration {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.protocolClasses = [attest.urlProtocol]
        configuration.timeoutIntervalForRequest = 60
        return configuration
    }
}
