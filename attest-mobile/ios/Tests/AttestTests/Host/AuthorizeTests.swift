import AttestNative
import Foundation
import FoundationNetworking
import XCTest

@testable import Attest

/// A client of the app's own that authorises, sends and follows.
final class AuthorizeTests: PhoneTestCase {
    func testAReplyThatIsNoRefusalStands() async throws {
        let attest = try await phone().started()
        for (route, status) in [("balance", 200), ("refused", 403)] {
            let sent = try await attest.authorize(phone().request(route))
            let (data, response) = try await plain.data(for: sent)
            XCTAssertEqual((response as? HTTPURLResponse)?.statusCode, status)
            let again = try await attest.follow(sent, data: data, response: response)
            XCTAssertNil(again)
        }
    }

    func testASpentTokenIsReplaced() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        let asked = phone.request("onboarding", body: #"{"name":"Anna"}"#)
        let statuses = try await statuses(of: asked, by: attest) { try await self.plainly($0) }
        XCTAssertEqual(statuses, [401, 200])
    }

    func testTheOtherKindOfTokenTakesTheFirstOnesPlace() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        // Authorised as for a login, so the payment's route finds the wrong kind.
        let login = try await attest.authorize(phone.request("login", body: "{}"))
        var payment = login
        payment.url = phone.request("payments").url
        let (data, response) = try await plain.data(for: payment)
        let followed = try await attest.follow(payment, data: data, response: response)
        let again = try XCTUnwrap(followed)
        XCTAssertNil(again.value(forHTTPHeaderField: "Attest-Token"))
        let sent = try await plain.sent(again)
        XCTAssertEqual(sent.status, 200)
    }

    func testTheUserIsAsked() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        let sent = try await attest.authorize(phone.request("payees", body: "{}"))
        let (data, response) = try await plain.data(for: sent)
        let declined = await error { _ = try await attest.follow(sent, data: data, response: response) }
        XCTAssertEqual(declined, .stepUpDeclined)
    }

    func testWhatWasNotAuthorizedIsNotFollowed() async throws {
        let phone = try phone()
        let attest = try await phone.started()
        let request = phone.request("login", body: "{}")
        let (data, response) = try await plain.data(for: request)
        let followed = try await attest.follow(request, data: data, response: response)
        XCTAssertNil(followed)
    }

    func testTheOldestAreForgotten() throws {
        let attempts = Attempts()
        let authorizations = (0...256).map { number in
            Authorization(headers: [Named(name: "one", value: "same"), Named(name: "two", value: "\(number)")], attempt: UInt64(number))
        }
        authorizations.forEach(attempts.add)
        let request = URLRequest(url: URL(string: "https://bank.example")!)
        XCTAssertNil(attempts.take(request))
        XCTAssertNil(attempts.take(request.with(authorizations[0].headers)))
        XCTAssertEqual(attempts.take(request.with(authorizations[1].headers))?.attempt, 1)
        XCTAssertNil(attempts.take(request.with(authorizations[1].headers)))
        XCTAssertEqual(attempts.take(request.with(authorizations[256].headers))?.attempt, 256)
    }

    /// Sends a request once before its turn, so that its token is spent, and then follows.
    private func statuses(
        of request: URLRequest, by attest: Library, spend: (URLRequest) async throws -> Void
    ) async throws -> [Int] {
        var next: URLRequest? = try await attest.authorize(request)
        try await spend(next!)
        var statuses: [Int] = []
        while let sent = next {
            let (data, response) = try await plain.data(for: sent)
            statuses.append((response as? HTTPURLResponse)?.statusCode ?? 0)
            next = try await attest.follow(sent, data: data, response: response)
        }
        return statuses
    }

    private func plainly(_ request: URLRequest) async throws {
        let sent = try await plain.sent(request)
        XCTAssertEqual(sent.status, 200)
    }
}
