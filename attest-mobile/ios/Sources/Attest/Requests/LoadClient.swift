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

/// The session behind a `URLProtocol`. Apple wants it to be told on the thread that the loading began on, in its run loop's mode.
final class ClientOf: NSObject, LoadClient, @unchecked Sendable {
    private weak var loading: URLProtocol?
    #if canImport(ObjectiveC)
        private let thread = Thread.current
        private let modes: [String] = [RunLoop.Mode.default.rawValue]
            + (RunLoop.current.currentMode.map { $0 == .default ? [] : [$0.rawValue] } ?? [])
    #endif

    init(_ loading: URLProtocol) {
        self.loading = loading
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

    #if canImport(ObjectiveC)
        private func tell(_ what: @escaping (URLProtocol) -> Void) {
            let call = Call { [weak self] in
                if let loading = self?.loading { what(loading) }
            }
            call.perform(#selector(Call.run), on: thread, with: nil, waitUntilDone: false, modes: modes)
        }

        private final class Call: NSObject {
            private let what: () -> Void

            init(_ what: @escaping () -> Void) {
                self.what = what
            }

            @objc func run() { what() }
        }
    #else
        private func tell(_ what: @escaping (URLProtocol) -> Void) {
            if let loading { what(loading) }
        }
    #endif
}
