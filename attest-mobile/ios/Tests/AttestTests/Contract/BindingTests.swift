import AttestNative
import Foundation
import FoundationNetworking
import XCTest

@testable import Attest

/// The contract's scenarios about what a token is good for.
final class BindingTests: PhoneTestCase {
    func testBindsTheBody() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        var request = try await attest.authorize(phone.request("login", body: #"{"user":"anna"}"#))
        let genuine = try await plain.sent(request)
        XCTAssertEqual(genuine.status, 200)
        request.httpBody = Data(#"{"user":"bob"}"#.utf8)
        let moved = try await plain.sent(request)
        XCTAssertEqual(moved.status, 401)
        XCTAssertEqual(moved.refusal?.code, "token-binding")
    }

    func testBindsTheQuery() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        var request = try await attest.authorize(phone.request("balance", query: "?account=1"))
        let genuine = try await plain.sent(request)
        XCTAssertEqual(genuine.status, 200)
        request.url = phone.request("balance", query: "?account=2").url
        let moved = try await plain.sent(request)
        XCTAssertEqual(moved.refusal?.code, "token-binding")
    }

    func testBindsTheAuthorization() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        var asked = phone.request("balance")
        asked.setValue("Bearer anna", forHTTPHeaderField: "Authorization")
        var request = try await attest.authorize(asked)
        let genuine = try await plain.sent(request)
        XCTAssertEqual(genuine.status, 200)
        request.setValue("Bearer bob", forHTTPHeaderField: "Authorization")
        let moved = try await plain.sent(request)
        XCTAssertEqual(moved.refusal?.code, "token-binding")
    }

    func testSignsWhereAsked() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        let signatures = phone.hooks.count("key.sign")
        let payment = phone.request("payments", body: #"{"amount":1}"#)
        XCTAssertNil(attest.native.tryAuthorize(request: payment.native))
        let request = try await attest.authorize(payment)
        XCTAssertEqual(phone.hooks.count("key.sign"), signatures + 1)
        XCTAssertNotNil(request.value(forHTTPHeaderField: "OAuth-Client-Attestation-PoP"))
        let sent = try await plain.sent(request)
        XCTAssertEqual(sent.status, 200)
    }

    func testSpendsATokenOnce() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        let asked = phone.request("onboarding", body: #"{"name":"Anna"}"#)
        let native = asked.native
        let once = try await attest.native.authorize(request: native)
        let request = asked.with(once.headers)
        let first = try await plain.sent(request)
        XCTAssertEqual(first.status, 200)
        let (data, response) = try await plain.data(for: request)
        XCTAssertEqual(Sent(data, response).refusal?.code, "token-replayed")
        let reply = Reply(try XCTUnwrap(response as? HTTPURLResponse), body: data)
        let followed = try await attest.native.follow(request: native, sent: once, reply: reply)
        let again = try await plain.sent(asked.with(try XCTUnwrap(followed.again).headers))
        XCTAssertEqual(again.status, 200)
    }

    func testMintsWithoutWaiting() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        let request = phone.request("login", body: #"{"user":"anna"}"#).native
        var times: [Double] = []
        for _ in 0..<1000 {
            let before = DispatchTime.now().uptimeNanoseconds
            let authorization = attest.native.tryAuthorize(request: request)
            times.append(Double(DispatchTime.now().uptimeNanoseconds - before) / 1000)
            XCTAssertEqual(authorization?.headers.isEmpty, false)
        }
        print("mint: median \(times.sorted()[times.count / 2]) us of \(times.count), through the bindings, debug build")
    }
}

extension URLRequest {
    /// As the native library sees it.
    var native: Request {
        Request(
            method: httpMethod ?? "GET", url: url?.absoluteString ?? "", body: httpBody ?? Data(),
            authorization: value(forHTTPHeaderField: "Authorization"))
    }

    func with(_ headers: [Named]) -> URLRequest {
        var request = self
        for header in headers { request.setValue(header.value, forHTTPHeaderField: header.name) }
        return request
    }
}
