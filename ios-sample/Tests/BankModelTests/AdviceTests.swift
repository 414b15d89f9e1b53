import Attest
import Foundation
import FoundationNetworking
import XCTest

@testable import BankModel

/// What the app says about each error and each refusal.
final class AdviceTests: XCTestCase {
    func testSaysWhatToDoAboutEachError() {
        func check(_ error: AttestError, _ expect: Advice, line: UInt = #line) {
            XCTAssertEqual(Advice(error), expect, line: line)
            XCTAssertEqual(Advice(error as NSError), expect, "as a session reports it", line: line)
        }
        check(.offline(code: "unreachable"), .goOnline)
        check(.tryLater(code: "overloaded", seconds: 40), .tryLater(seconds: 40))
        check(.updateApp, .updateApp)
        check(.refused(code: "evidence-refused", support: "abc"), .callUs(support: "abc"))
        check(.stepUpDeclined, .notConfirmed)
        check(.misconfigured(code: "app-unknown"), .sorry)
        XCTAssertEqual(Advice(URLError(.notConnectedToInternet) as Error), .goOnline)
        XCTAssertEqual(Advice(CocoaError(.fileNoSuchFile) as Error), .sorry)
    }

    func testSaysWhatToDoAboutEachRefusal() throws {
        func check(_ retry: String, after: Double? = nil, _ expect: Advice, line: UInt = #line) throws {
            let problem = #"{"type":"urn:attest:problem:x","title":"X.","status":403,"retry":"\#(retry)","support":"abc"}"#
            let kind = ["Content-Type": "application/problem+json"]
            let url = try XCTUnwrap(URL(string: "https://api.bank.example/"))
            let response = HTTPURLResponse(url: url, statusCode: 403, httpVersion: nil, headerFields: kind)
            let refusal = try XCTUnwrap(AttestRefusal(data: Data(problem.utf8), response: response))
            XCTAssertEqual(Advice(Refused(refusal: refusal, after: after) as Error), expect, line: line)
        }
        try check("later", .tryLater(seconds: 30))
        try check("later", after: 7, .tryLater(seconds: 7))
        try check("step-up", .notConfirmed)
        try check("none", .callUs(support: "abc"))
        try check("renew", .callUs(support: "abc"))
    }

    func testEverySentenceIsForUsers() {
        let all: [Advice] = [.goOnline, .tryLater(seconds: 1.2), .updateApp, .callUs(support: "abc"), .notConfirmed, .wrongCode, .sorry]
        for advice in all { XCTAssertTrue(advice.text.hasSuffix(".") || advice.text.hasSuffix("abc"), advice.text) }
        XCTAssertTrue(Advice.tryLater(seconds: 1.2).text.contains("2 s"))
    }
}
