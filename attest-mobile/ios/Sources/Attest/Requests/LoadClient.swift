import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Who waits for a protected request's reply.
protocol LoadClient: Sendable {
    func redirected(to request: URLRequest, by response: HTTPURLResponse)
    func head(_ response: HTTPURLResponse)
    func part(_ part: Data)
    func end(_ error: Error?)
}

/// The session behind a `URLProtocol`, told where the loading began, and nothing any more once it has stopped it.
final class ClientOf: LoadClient, @unchecked Sendable {
    private weak var loading: URLProtocol?
    private let place = LoadPlace()
    private let lock = NSLock()
    private var isMuted = false

    /// To be made where the loading begins.
    init(_ loading: URLProtocol) {
        self.loading = loading
    }

    /// To be called where the loading is stopped, which is where it began: what is on its way there will not arrive.
    func mute() {
        lock.withLock { isMuted = true }
    }

    func redirected(to request: URLRequest, by response: HTTPURLResponse) {
        tell { $0.client?.urlProtocol($0, wasRedirectedTo: request, redirectResponse: response) }
    }

    func head(_ response: HTTPURLResponse) {
        tell { $0.client?.urlProtocol($0, didReceive: response, cacheStoragePolicy: .notAllowed) }
    }

    func part(_ part: Data) {
        tell { $0.client?.urlProtocol($0, didLoad: part) }
    }

    func end(_ error: Error?) {
        tell {
            if let error {
                $0.client?.urlProtocol($0, didFailWithError: error as NSError)
            } else {
                $0.client?.urlProtocolDidFinishLoading($0)
            }
        }
    }

    private func tell(_ what: @escaping @Sendable (URLProtocol) -> Void) {
        place.run { [self] in
            if !lock.withLock({ isMuted }), let loading { what(loading) }
        }
    }
}
