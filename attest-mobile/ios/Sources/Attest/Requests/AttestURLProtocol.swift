import AttestNative
import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Gives the requests of a `URLSession` their tokens without a change where they are made: it is named in the session's configuration.
/// A failure of the library's fails the task, and `AttestError(error)` reads it; a refusal that stands is the reply. While no library is
/// open, requests leave as they are, and protected routes refuse them.
///
/// Bodies are read into memory; replies are passed on as they come. Redirections go back to the session, which asks again for the new
/// request. Requests leave by a session of the library's own, made from `AttestSettings.sessionConfiguration`.
public final class AttestURLProtocol: URLProtocol, @unchecked Sendable {
    private var load: ProtectedLoad?
    private var told: ClientOf?

    public override class func canInit(with request: URLRequest) -> Bool {
        guard let attest = Opened.one.attest, let url = request.url, let scheme = url.scheme?.lowercased() else { return false }
        return (scheme == "https" || scheme == "http") && attest.settings.mayConcern(url)
            && URLProtocol.property(forKey: passed, in: request) == nil
    }

    public override class func canonicalRequest(for request: URLRequest) -> URLRequest { request }

    public override class func requestIsCacheEquivalent(_ a: URLRequest, to b: URLRequest) -> Bool { false }

    public override func startLoading() {
        guard let attest = Opened.one.attest else {
            client?.urlProtocol(self, didFailWithError: AttestError.misconfigured(code: "stopped") as NSError)
            return
        }
        let told = ClientOf(self)
        self.told = told
        let load = ProtectedLoad(Self.marked(request), by: attest, to: told)
        self.load = load
        load.start()
    }

    public override func stopLoading() {
        told?.mute()
        load?.stop()
        load = nil
    }

    /// Marked, so that no session leads it here again.
    private static func marked(_ request: URLRequest) -> URLRequest {
        guard let copy = (request as NSURLRequest).mutableCopy() as? NSMutableURLRequest else { return request }
        URLProtocol.setProperty(true, forKey: passed, in: copy)
        return copy as URLRequest
    }

    private static let passed = "attest.passed"
}

extension Attest {
    /// For `URLSessionConfiguration.protocolClasses`: sessions made from the configuration send their requests with tokens.
    public var urlProtocol: AnyClass { AttestURLProtocol.self }
}

extension AttestSettings {
    /// Whether a request can need a token, as far as the settings tell.
    func mayConcern(_ url: URL) -> Bool {
        origins.isEmpty || origins.contains { URL(string: $0).map { Origin($0) == Origin(url) } ?? false }
    }

    private struct Origin: Equatable {
        let scheme: String?
        let host: String?
        let port: Int?

        init(_ url: URL) {
            scheme = url.scheme?.lowercased()
            host = url.host?.lowercased()
            port = url.port ?? (scheme == "http" ? 80 : 443)
        }
    }
}
