import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What hears of one task. Calls come on the session's own queue, one at a time.
protocol TaskListener: AnyObject, Sendable {
    /// The reply's head; `false` ends the task.
    func head(_ response: HTTPURLResponse) -> Bool
    /// A part of the reply's body; `false` ends the task.
    func part(_ part: Data) -> Bool
    /// The reply redirects. It is never followed: the reply is the redirection itself.
    func redirected(_ response: HTTPURLResponse, to request: URLRequest)
    /// The task has ended.
    func end(_ error: Error?)
}

extension TaskListener {
    func redirected(_ response: HTTPURLResponse, to request: URLRequest) {}
}

/// Answers how much a server's certificate is trusted, where the app pins one. Called on a queue of the library's.
public typealias TrustDecision =
    @Sendable (URLAuthenticationChallenge) -> (URLSession.AuthChallengeDisposition, URLCredential?)

/// A `URLSession` whose tasks each have a listener, and that follows no redirect.
final class RoutedSession: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    private let trust: TrustDecision?
    private let lock = NSLock()
    private var listeners: [Int: any TaskListener] = [:]
    private var session: URLSession?

    init(_ configuration: URLSessionConfiguration, trust: TrustDecision?) {
        self.trust = trust
        super.init()
        let queue = OperationQueue()
        queue.name = "attest.session"
        queue.maxConcurrentOperationCount = 1
        session = URLSession(configuration: configuration, delegate: self, delegateQueue: queue)
    }

    /// Starts a task; `nil` once the session was ended.
    func start(_ request: URLRequest, _ listener: any TaskListener) -> URLSessionTask? {
        guard let task = lock.withLock({ session })?.dataTask(with: request) else { return nil }
        lock.lock()
        listeners[task.taskIdentifier] = listener
        lock.unlock()
        task.resume()
        return task
    }

    /// Ends all tasks. The session holds this object until then.
    func stop() {
        lock.lock()
        let ended = session
        session = nil
        lock.unlock()
        #if canImport(ObjectiveC)
            ended?.invalidateAndCancel()
        #else
            if let ended { Self.retire(ended) }
        #endif
    }

    #if !canImport(ObjectiveC)
        /// Foundation on Linux, where only tests run, crashes when it frees a session that has sent anything.
        private static func retire(_ session: URLSession) {
            session.getAllTasks { $0.forEach { $0.cancel() } }
            retired.withLock { retired.sessions.append(session) }
        }

        private final class Retired: @unchecked Sendable {
            private let lock = NSLock()
            var sessions: [URLSession] = []

            func withLock(_ work: () -> Void) { lock.withLock(work) }
        }

        private static let retired = Retired()
    #endif

    private func listener(_ task: URLSessionTask) -> (any TaskListener)? {
        lock.lock()
        defer { lock.unlock() }
        return listeners[task.taskIdentifier]
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        let wanted = (response as? HTTPURLResponse).map { listener(dataTask)?.head($0) ?? false } ?? false
        completionHandler(wanted ? .allow : .cancel)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        if listener(dataTask)?.part(data) != true { dataTask.cancel() }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        listener(task)?.redirected(response, to: request)
        completionHandler(nil)
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, didReceive challenge: URLAuthenticationChallenge,
        completionHandler: @escaping @Sendable (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
    ) {
        guard let trust else { return completionHandler(.performDefaultHandling, nil) }
        let (disposition, credential) = trust(challenge)
        completionHandler(disposition, credential)
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: Error?) {
        lock.lock()
        let listener = listeners.removeValue(forKey: task.taskIdentifier)
        lock.unlock()
        listener?.end(error)
    }
}
