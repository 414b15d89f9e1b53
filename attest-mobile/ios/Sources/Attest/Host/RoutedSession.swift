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
    private var isStopped = false
    /// Tasks that are being made.
    private var starting = 0

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
        guard let session = enter() else { return nil }
        // Without the lock: Foundation on Linux makes tasks on the queue that it starts loads on.
        let task = session.dataTask(with: request)
        lock.withLock { listeners[task.taskIdentifier] = listener }
        task.resume()
        leave()
        return task
    }

    /// Ends all tasks. The session holds this object until then.
    func stop() {
        lock.lock()
        let ended = starting == 0 ? session : nil
        if ended != nil { session = nil }
        isStopped = true
        lock.unlock()
        if let ended { Self.end(ended) }
    }

    /// The session, which lasts until `leave`: asked for a task after its end, Apple's raises an exception that Swift cannot catch.
    private func enter() -> URLSession? {
        lock.lock()
        defer { lock.unlock() }
        if isStopped { return nil }
        starting += 1
        return session
    }

    private func leave() {
        lock.lock()
        starting -= 1
        let ended = isStopped && starting == 0 ? session : nil
        if ended != nil { session = nil }
        lock.unlock()
        if let ended { Self.end(ended) }
    }

    private static func end(_ session: URLSession) {
        #if canImport(ObjectiveC)
            session.invalidateAndCancel()
        #else
            retire(session)
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
