import AttestNative
import Foundation
import XCTest

@testable import Attest

/// The transport against real servers, by TLS, that do what none should.
final class TransportTests: HostTestCase {
    private nonisolated(unsafe) static var server: Server?

    override class func tearDown() {
        server = nil
    }

    func testSendsAndReads() async throws {
        let sent = ServiceRequest(
            method: "POST", url: try url("/echo?a=b%2F"), headers: [Named(name: "x-one", value: "1")],
            body: Data("{}".utf8), replyBytesMax: 4096)
        let reply = try transport().send(request: sent)
        XCTAssertEqual(reply.status, 200)
        let seen = try XCTUnwrap(try JSONSerialization.jsonObject(with: reply.body) as? [String: Any])
        XCTAssertEqual(seen["method"] as? String, "POST")
        XCTAssertEqual(seen["path"] as? String, "/echo?a=b%2F")
        XCTAssertEqual(seen["body"] as? String, "{}")
        XCTAssertEqual((seen["headers"] as? [String: String])?["x-one"], "1")
        let kinds = reply.headers.filter { $0.name.lowercased() == "content-type" }.map(\.value)
        XCTAssertEqual(kinds, ["application/json"])
    }

    func testReadsUpToTheBound() async throws {
        XCTAssertEqual(try get("/sized?1000", bytesMax: 1000).body.count, 1000)
        assert(.Oversized) { try get("/sized?1001", bytesMax: 1000) }
        assert(.Oversized) { try get("/endless", bytesMax: 100_000) }
    }

    func testDoesNotWaitForEver() async throws {
        assert(.TimedOut) { try get("/silent", timeout: 0.3) }
        assert(.TimedOut) { try get("/stuck", timeout: 0.3) }
    }

    func testFollowsNoRedirectAndKeepsNoCookie() async throws {
        let transport = transport()
        let reply = try transport.send(request: request("/redirect"))
        XCTAssertEqual(reply.status, 302)
        XCTAssertEqual(reply.body, Data())
        let next = String(decoding: try transport.send(request: request("/echo")).body, as: UTF8.self)
        XCTAssertFalse(next.lowercased().contains("cookie"), next)
    }

    func testPassesEveryStatusOn() async throws {
        for status in [304, 401, 403, 404, 407, 500, 503] as [UInt16] {
            XCTAssertEqual(try get("/status?\(status)").status, status)
        }
    }

    func testFailsOnWhatIsNoReply() async throws {
        for vice in ["garbage", "truncated", "closed"] {
            assert(.Failed) { try get("/" + vice) }
        }
        let nobody = "https://localhost:\(freePort())/"
        assert(.Failed) { try transport().send(request: request(nobody)) }
        assert(.Failed) { try transport().send(request: request("https://")) }
        assert(.Failed) { try transport().send(request: request("")) }
    }

    func testTrustsTheRightServersAlone() async throws {
        let stranger = try Server(certificate: Authority(folder: folder).certificate(for: "localhost"))
        assert(.Failed) { try transport().send(request: request(stranger.url("/echo"))) }
        let other = try Server(certificate: Authority.trusted.certificate(for: "other.example"))
        assert(.Failed) { try transport().send(request: request(other.url("/echo"))) }
        let plain = try Server()
        let pretended = plain.url("/echo").replacingOccurrences(of: "http:", with: "https:")
        assert(.Failed) { try transport().send(request: request(pretended)) }
    }

    func testManySendAtOnce() async throws {
        let transport = transport()
        let request = try request("/echo")
        let sent = try await withThrowingTaskGroup(of: UInt16.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    try await withCheckedThrowingContinuation { sent in
                        Thread.detachNewThread { sent.resume(with: Result { try transport.send(request: request).status }) }
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        XCTAssertEqual(sent, [UInt16](repeating: 200, count: 16))
    }

    func testSendsNothingOnceStopped() async throws {
        let transport = transport()
        let gate = Gate()
        let held = Seen<HostFailure?>()
        let silent = try request("/silent?stopped")
        Thread.detachNewThread {
            do { _ = try transport.send(request: silent) } catch { held.add(error as? HostFailure) }
            gate.pass()
        }
        gate.open()
        try Self.server?.waits(for: "/silent?stopped")
        transport.stop()
        try gate.waitForArrival()
        XCTAssertEqual(held.all, [.Failed])
        assert(.Failed) { try transport.send(request: request("/echo")) }
    }

    private func transport(timeout: Double = 60) -> SessionTransport { SessionTransport(timeout: timeout, trust: nil) }

    private func get(_ path: String, bytesMax: UInt64 = 4096, timeout: Double = 60) throws -> Reply {
        try transport(timeout: timeout).send(request: request(path, bytesMax: bytesMax))
    }

    private func request(_ path: String, bytesMax: UInt64 = 4096) throws -> ServiceRequest {
        ServiceRequest(method: "GET", url: try url(path), headers: [], body: Data(), replyBytesMax: bytesMax)
    }

    /// A path of the server's; whatever does not begin with a slash stays as it is.
    private func url(_ path: String) throws -> String {
        guard path.hasPrefix("/") else { return path }
        let server = try Self.server ?? Server(certificate: Authority.trusted.certificate(for: "localhost"))
        Self.server = server
        return server.url(path)
    }
}
