import AttestNative
import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

extension URLSession {
    /// As `data(for:)`, with the headers that the policy asks for; refusals are followed: the request is sent again with a fresh token, or
    /// after the user confirmed. This session sends: its delegate, certificates, cookies and time-outs count. A refusal that stands
    /// is the reply: `AttestRefusal(data:response:)` reads it.
    ///
    /// - Throws: `AttestError`, or what this session throws.
    public func attestData(for request: URLRequest, by attest: Attest) async throws -> (Data, URLResponse) {
        let outgoing = try Outgoing(request, bodyBytesMax: attest.settings.bodyBytesMax)
        var sent = try await translated { try await attest.native.authorize(request: outgoing.native) }
        while true {
            let (data, response) = try await data(for: outgoing.carrying(sent))
            guard let http = response as? HTTPURLResponse else { return (data, response) }
            let reply = Reply(http, body: Problems.body(http, data))
            let attempt = sent
            let followed = try await translated {
                try await attest.native.follow(request: outgoing.native, sent: attempt, reply: reply)
            }
            guard let again = followed.again else { return (data, response) }
            sent = again
        }
    }
}
