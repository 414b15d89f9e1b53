import Attest
import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The bank's API. Nothing in it knows about tokens: the session adds them.
struct Bank: Sendable {
    let origin: URL
    let session: URLSession

    func onboard(name: String) async throws { try await post("onboarding", ["name": name]) }

    func logIn(name: String) async throws { try await post("login", ["user": name]) }

    func pay(_ payment: Payment) async throws {
        try await post("payments", ["to": payment.recipient, "cents": String(payment.cents)])
    }

    func add(payee: String) async throws { try await post("payees", ["iban": payee]) }

    private func post(_ path: String, _ members: [String: String]) async throws {
        var request = URLRequest(url: origin.appendingPathComponent("v1/" + path))
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.httpBody = try JSONEncoder().encode(members)
        let (data, response) = try await session.data(for: request)
        let reply = response as? HTTPURLResponse
        if let refusal = AttestRefusal(data: data, response: response) {
            throw Refused(refusal: refusal, after: reply?.value(forHTTPHeaderField: "Retry-After").flatMap(Double.init))
        }
        guard let reply, reply.statusCode < 400 else { throw Unanswered() }
    }
}

/// The gateway before the bank refused the request.
struct Refused: Error {
    let refusal: AttestRefusal
    /// When it makes sense to try again, seconds; `nil` where the gateway did not say.
    let after: Double?
}

/// The bank itself could not do it.
struct Unanswered: Error {}
