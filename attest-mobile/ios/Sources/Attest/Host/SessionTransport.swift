import AttestNative
import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Sends the library's own requests: no redirect, no cookie, no cache, and never more of a reply than was asked for. Calls are
/// made on the native library's threads.
final class SessionTransport: Transport, @unchecked Sendable {
    private let session: RoutedSession
    private let timeout: Double

    /// `timeout` bounds one call, seconds.
    init(timeout: Double, trust: TrustDecision?) {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpShouldSetCookies = false
        configuration.httpCookieAcceptPolicy = .never
        configuration.httpCookieStorage = nil
        configuration.urlCache = nil
        configuration.urlCredentialStorage = nil
        configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
        // `send` waits for `timeout`, exactly; Foundation on Linux takes less than a second for none.
        configuration.timeoutIntervalForRequest = timeout.rounded(.up)
        configuration.timeoutIntervalForResource = timeout.rounded(.up)
        // A session of the app's must not lead the library's own requests through the library.
        configuration.protocolClasses = configuration.protocolClasses?.filter { $0 != AttestURLProtocol.self }
        session = RoutedSession(configuration, trust: trust)
        self.timeout = timeout
    }

    func send(request: ServiceRequest) throws -> Reply {
        guard let url = URL(string: request.url) else { throw HostFailure.Failed }
        var wanted = URLRequest(url: url)
        wanted.httpMethod = request.method
        for header in request.headers { wanted.setValue(header.value, forHTTPHeaderField: header.name) }
        if !request.body.isEmpty { wanted.httpBody = request.body }
        let reply = BoundedReply(bytesMax: Int(clamping: request.replyBytesMax))
        guard let task = session.start(wanted, reply) else { throw HostFailure.Failed }
        defer { task.cancel() }
        return try orFailed { try reply.answer.wait(seconds: timeout) }
    }

    func stop() {
        session.stop()
    }
}

/// A reply that is read up to a bound.
final class BoundedReply: TaskListener, @unchecked Sendable {
    let answer = Answer<Reply>()
    private let bytesMax: Int
    private var response: HTTPURLResponse?
    private var body = Data()

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    func head(_ response: HTTPURLResponse) -> Bool {
        self.response = response
        return true
    }

    func part(_ part: Data) -> Bool {
        guard body.count + part.count <= bytesMax else {
            answer.give(.failure(HostFailure.Oversized))
            return false
        }
        body += part
        return true
    }

    func end(_ error: Error?) {
        if let error {
            let timedOut = (error as? URLError)?.code == .timedOut
            answer.give(.failure(timedOut ? HostFailure.TimedOut : HostFailure.Failed))
        } else if let response {
            answer.give(.success(Reply(response, body: body)))
        } else {
            answer.give(.failure(HostFailure.Failed))
        }
    }
}

extension Reply {
    /// As the native library reads it.
    init(_ response: HTTPURLResponse, body: Data) {
        let headers = response.allHeaderFields.compactMap { name, value -> Named? in
            guard let name = name as? String, let value = value as? String else { return nil }
            return Named(name: name, value: value)
        }
        self.init(status: UInt16(clamping: response.statusCode), headers: headers, body: body)
    }
}
