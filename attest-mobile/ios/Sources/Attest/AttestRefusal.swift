import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A gateway's refusal, as it stands in a reply: RFC 9457 problem details. The library has already done what it could about it.
public struct AttestRefusal: Equatable, Sendable {
    /// Says why, for logs: `denied`, `banned`, `rate-limited`…
    public let code: String
    /// A sentence for developers.
    public let title: String
    /// The HTTP status.
    public let status: Int
    /// What could be done about it: `none`, `later`, `step-up`…
    public let retry: String
    /// The support code to show: only the operator can read out of it why.
    public let support: String

    /// The refusal in a reply; `nil` if the reply is none.
    public init?(data: Data, response: URLResponse?) {
        guard let response = response as? HTTPURLResponse, response.statusCode >= 400,
            response.value(forHTTPHeaderField: "Content-Type")?.hasPrefix("application/problem+json") == true,
            data.count <= Self.bytesMax,
            let problem = try? JSONDecoder().decode(Problem.self, from: data),
            problem.type.hasPrefix(Self.prefix)
        else { return nil }
        code = String(problem.type.dropFirst(Self.prefix.count))
        title = problem.title
        status = response.statusCode
        retry = problem.retry
        support = problem.support
    }

    private struct Problem: Decodable {
        let type: String
        let title: String
        let retry: String
        let support: String
    }

    private static let prefix = "urn:attest:problem:"
    private static let bytesMax = 8 * 1024
}
