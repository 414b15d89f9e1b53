import AttestNative
import Foundation
import FoundationNetworking
import XCTest

@testable import Attest

/// A real `URLSession` with the library's protocol, through a real gateway.
final class ProtocolTests: PhoneTestCase {
    func testTheAppsRequestsStayAsTheyAre() async throws {
        let (phone, session) = try await protected()
        var request = phone.request("balance", query: "?of=1")
        request.setValue("Bearer anna", forHTTPHeaderField: "Authorization")
        request.setValue("1", forHTTPHeaderField: "X-App")
        let sent = try await session.sent(request)
        XCTAssertEqual(sent.status, 200)
        XCTAssertEqual(sent.seen["path"] as? String, "/v1/balance?of=1")
        XCTAssertEqual(sent.header("authorization"), "Bearer anna")
        XCTAssertEqual(sent.header("x-app"), "1")
        XCTAssertEqual(sent.header("attest-app"), "bank-ios")
    }

    func testBodiesAreBoundAndSent() async throws {
        let (phone, session) = try await protected()
        for body in ["{}", "", String(repeating: "x", count: 3000)] {
            let sent = try await session.sent(phone.request("login", body: body))
            XCTAssertEqual(sent.status, 200)
            XCTAssertEqual(sent.seen["body"] as? String, body)
        }
        var request = phone.request("login", body: "")
        request.httpBody = nil
        request.httpBodyStream = InputStream(data: Data("of a stream".utf8))
        let streamed = try await session.sent(request)
        XCTAssertEqual(streamed.status, 200)
        XCTAssertEqual(streamed.seen["body"] as? String, "of a stream")
    }

    func testABodyThatIsTooLongIsRefused() async throws {
        let (phone, session) = try await protected { $0.bodyBytesMax = 10 }
        let long = String(repeating: "x", count: 11)
        var streamed = phone.request("login", body: "")
        streamed.httpBody = nil
        streamed.httpBodyStream = InputStream(data: Data(long.utf8))
        for request in [phone.request("login", body: long), streamed] {
            let refused = await error { _ = try await session.sent(request) }
            XCTAssertEqual(refused, .misconfigured(code: "body-too-long"))
        }
    }

    func testARefusalThatStandsIsTheReply() async throws {
        let (phone, session) = try await protected()
        let sent = try await session.sent(phone.request("refused"))
        XCTAssertEqual(sent.status, 403)
        XCTAssertEqual(sent.refusal?.code, "denied")
        XCTAssertEqual(sent.refusal?.retry, "none")
    }

    /// By a delegate: Foundation on Linux keeps only the last part of a protocol's reply for others.
    func testLongRepliesArriveWhole() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        let session = RoutedSession(.protected(by: attest), trust: nil)
        let long = String(repeating: "x", count: 200_000)
        for (request, status) in [(phone.request("login", body: long), 200), (phone.request("long-refusal"), 403)] {
            let whole = BoundedReply(bytesMax: 1 << 20)
            XCTAssertNotNil(session.start(request, whole))
            let reply = try whole.answer.wait(seconds: 60)
            XCTAssertEqual(Int(reply.status), status)
            XCTAssertGreaterThanOrEqual(reply.body.count, 200_000)
            XCTAssertGreaterThanOrEqual(reply.body.filter { $0 == UInt8(ascii: "x") }.count, 200_000)
        }
    }

    func testIsSentAgainAfterTheUserConfirmed() async throws {
        let device = Seen<String>()
        let (phone, session) = try await protected { settings, policy in
            settings.stepUp = { try policy.completion(of: $0.id, device: device.all[0]) }
        }
        let login = try await session.sent(phone.request("login", body: "{}"))
        device.add(try XCTUnwrap(login.header("attest-device")))
        let sent = try await session.sent(phone.request("payees", body: #"{"iban":"DE02"}"#))
        XCTAssertEqual(sent.status, 200)
        XCTAssertEqual(sent.seen["body"] as? String, #"{"iban":"DE02"}"#)
    }

    func testFailuresAreTheLibrarysErrors() async throws {
        let (phone, session) = try await protected()
        let declined = await error { _ = try await session.sent(phone.request("payees", body: "{}")) }
        XCTAssertEqual(declined, .stepUpDeclined)
        let (nobody, lonely) = try await protected { $0.serviceUrl = "https://localhost:\(freePort())/.attest/v1" }
        let offline = await error { _ = try await lonely.sent(nobody.request("login", body: "{}")) }
        guard case .offline = offline else { return XCTFail("\(String(describing: offline))") }
    }

    /// The session is told, and asks anew. Foundation on Linux ends the process there: another listens in its place.
    func testARedirectionGoesBackWithoutItsToken() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        let session = PlayedClient()
        ProtectedLoad(phone.request("redirect"), by: attest, to: session).start()
        try await eventually { !session.heard.all.isEmpty }
        let next = try XCTUnwrap(session.next.all.first)
        XCTAssertEqual(next.url?.absoluteString, phone.gateway.origin + "/v1/balance?redirected")
        XCTAssertEqual((next.allHTTPHeaderFields ?? [:]).keys.filter { $0.lowercased().hasPrefix("attest") }, [])
        let sent = try await attest.sent(next)
        XCTAssertEqual(sent.status, 200)
        XCTAssertEqual(session.heard.all, ["redirected 302"])
    }

    func testACancelledRequestEnds() async throws {
        let phone = try phone()
        let gate = phone.hooks.hold("transport")
        let attest = try phone.start()
        let session = kept(.protected(by: attest))
        let waiting = Task { try await session.sent(phone.request("login", body: "{}")) }
        try gate.waitForArrival()
        waiting.cancel()
        do {
            _ = try await waiting.value
            XCTFail("nothing was thrown")
        } catch {
            XCTAssertNil(LibraryError(error), "\(error)")
        }
        gate.open()
        let sent = try await session.sent(phone.request("login", body: "{}"))
        XCTAssertEqual(sent.status, 200)
    }

    /// The system starts loads on a queue that it makes tasks on, too: nothing here may wait for that one.
    func testManyAreSentAtOnce() async throws {
        let (phone, session) = try await protected()
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<64 {
                group.addTask { try await session.sent(phone.request("login", body: "{\"number\":\(number)}")).status }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        XCTAssertEqual(statuses, [Int](repeating: 200, count: 64))
    }

    func testManyEndWithTheLibrary() async throws {
        let (phone, session) = try await protected()
        let attest = try XCTUnwrap(opened.last)
        try await attest.ready()
        let ended = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<64 {
                group.addTask { (try? await session.sent(phone.request("login", body: "{\"number\":\(number)}"))) != nil }
            }
            group.addTask {
                attest.close()
                return false
            }
            return await group.reduce(into: 0) { count, _ in count += 1 }
        }
        XCTAssertEqual(ended, 65)
    }

    /// No session expects to be told of a load that it stopped.
    func testASessionHearsNothingOfALoadThatItStopped() async throws {
        let (phone, _) = try await protected()
        let (stopped, other) = (PlayedSession(), PlayedSession())
        let silent = AttestURLProtocol(request: phone.request("silent"), cachedResponse: nil, client: stopped)
        let spoken = AttestURLProtocol(request: phone.request("balance"), cachedResponse: nil, client: other)
        let queue = DispatchQueue(label: "a session")
        queue.sync { silent.startLoading() }
        try phone.gateway.waits(for: "/v1/silent")
        queue.sync { silent.stopLoading() }
        // Both are told of by the same queue, this one later.
        queue.sync { spoken.startLoading() }
        try await eventually { other.heard.all.last == "end" }
        queue.sync {}
        XCTAssertEqual(stopped.heard.all, [])
        XCTAssertEqual(other.heard.all.first, "head")
    }

    func testWithoutTheLibraryRequestsLeaveAsTheyAre() async throws {
        let (phone, session) = try await protected()
        opened.last?.close()
        let sent = try await session.sent(phone.request("balance"))
        XCTAssertEqual(sent.status, 401)
        XCTAssertNotNil(sent.refusal)
        XCTAssertEqual(phone.hooks.count("transport.send enroll"), 0)
    }

    func testOtherOriginsGetNoToken() async throws {
        let other = try Server(certificate: Authority.trusted.certificate(for: "localhost"))
        let (_, session) = try await protected()
        let sent = try await session.sent(URLRequest(url: URL(string: other.url("/echo"))!))
        let names = (sent.seen["headers"] as? [String: String] ?? ["attest-": ""]).keys
        XCTAssertEqual(names.filter { $0.contains("attest") }, [])
    }

    private func protected(
        _ change: (inout AttestSettings, TestPolicy) -> Void
    ) async throws -> (Phone, URLSession) {
        Opened.one.attest?.close()
        let phone = try phone()
        change(&phone.settings, phone.gateway.policy)
        let attest = try phone.start()
        opened.append(attest)
        return (phone, kept(.protected(by: attest)))
    }

    private func protected(_ change: (inout AttestSettings) -> Void = { _ in }) async throws -> (Phone, URLSession) {
        try await protected { settings, _ in change(&settings) }
    }

    private var opened: [Library] = []

    /// Foundation on Linux crashes when it frees a session that has sent anything.
    private func kept(_ configuration: URLSessionConfiguration) -> URLSession {
        let session = URLSession(configuration: configuration)
        Self.sessions.add(session)
        return session
    }

    private static let sessions = Seen<URLSession>()
}

/// Waits for a load in a session's place.
private final class PlayedClient: LoadClient {
    let heard = Seen<String>()
    let next = Seen<URLRequest>()

    func redirected(to request: URLRequest, by response: HTTPURLResponse) {
        next.add(request)
        heard.add("redirected \(response.statusCode)")
    }

    func head(_ response: HTTPURLResponse) { heard.add("head") }

    func part(_ part: Data) { heard.add("part") }

    func end(_ error: Error?) { heard.add("end") }
}

/// Stands where a session does behind a `URLProtocol`.
private final class PlayedSession: NSObject, URLProtocolClient, @unchecked Sendable {
    let heard = Seen<String>()

    func urlProtocol(_ load: URLProtocol, wasRedirectedTo request: URLRequest, redirectResponse: URLResponse) {
        heard.add("redirected")
    }

    func urlProtocol(_ load: URLProtocol, didReceive response: URLResponse, cacheStoragePolicy: URLCache.StoragePolicy) {
        heard.add("head")
    }

    func urlProtocol(_ load: URLProtocol, didLoad data: Data) { heard.add("part") }

    func urlProtocolDidFinishLoading(_ load: URLProtocol) { heard.add("end") }

    func urlProtocol(_ load: URLProtocol, didFailWithError error: Error) { heard.add("failed") }

    func urlProtocol(_ load: URLProtocol, cachedResponseIsValid cachedResponse: CachedURLResponse) {}

    func urlProtocol(_ load: URLProtocol, didReceive challenge: URLAuthenticationChallenge) {}

    func urlProtocol(_ load: URLProtocol, didCancel challenge: URLAuthenticationChallenge) {}
}
