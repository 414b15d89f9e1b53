import AttestNative
import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// For apps that send by themselves, with whatever client.
extension Attest {
    /// The request with the headers that the policy asks for: none for other origins. Each result is good for one sending, and
    /// `follow` says what its reply means. A body stream is read into memory.
    ///
    /// - Throws: `AttestError`.
    public func authorize(_ request: URLRequest) async throws -> URLRequest {
        let outgoing = try Outgoing(request, bodyBytesMax: settings.bodyBytesMax)
        let authorization = try await translated { try await native.authorize(request: outgoing.native) }
        attempts.add(authorization)
        return outgoing.carrying(authorization)
    }

    /// The request to send instead, with fresh headers, where the reply is a refusal that they mend: by a new session, another kind of
    /// token, or a confirmation by the user. `nil`: the reply stands. To be called with each reply, as that also tells the library of
    /// a new policy. A request is sent again at most twice; of those that nobody follows, the latest 256 are known.
    ///
    /// - Parameters:
    ///   - sent: What `authorize`, or this function, gave.
    ///   - data: The reply's body; it only matters from status 400 on.
    ///   - response: The reply's head.
    /// - Throws: `AttestError`.
    public func follow(_ sent: URLRequest, data: Data, response: URLResponse) async throws -> URLRequest? {
        guard let http = response as? HTTPURLResponse, let authorization = attempts.take(sent) else { return nil }
        let outgoing = try Outgoing(sent.without(authorization.headers), bodyBytesMax: settings.bodyBytesMax)
        let reply = Reply(http, body: Problems.body(http, data))
        let followed = try await translated {
            try await native.follow(request: outgoing.native, sent: authorization, reply: reply)
        }
        guard let again = followed.again else { return nil }
        attempts.add(again)
        return outgoing.carrying(again)
    }
}

extension URLRequest {
    /// The same without these headers.
    func without(_ headers: [Named]) -> URLRequest {
        var request = self
        for header in headers { request.setValue(nil, forHTTPHeaderField: header.name) }
        return request
    }
}
