import AttestNative
import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// One protected request: authorised, sent, and sent again where the reply is a refusal that can be followed. Replies below 400 are passed
/// on as they come; of others the beginning is held back until it is known whether they stand.
final class ProtectedLoad: TaskListener, @unchecked Sendable {
    private let request: URLRequest
    private let attest: Attest
    private let client: any LoadClient
    private let lock = NSLock()
    private var work: Task<Void, Never>?
    private var task: URLSessionTask?
    private var isStopped = false

    private var outgoing: Outgoing?
    private var sent: Authorization?
    /// A reply that may be a refusal, with what is there of its body.
    private var held: (head: HTTPURLResponse, body: Data)?
    private var hasRedirected = false

    init(_ request: URLRequest, by attest: Attest, to client: any LoadClient) {
        self.request = request
        self.attest = attest
        self.client = client
    }

    func start() {
        inBackground { [self] in
            let outgoing = try Outgoing(request, bodyBytesMax: attest.settings.bodyBytesMax)
            self.outgoing = outgoing
            send(outgoing, try await attest.native.authorize(request: outgoing.native))
        }
    }

    func stop() {
        lock.lock()
        isStopped = true
        let (work, task) = (work, task)
        lock.unlock()
        work?.cancel()
        task?.cancel()
    }

    private func send(_ outgoing: Outgoing, _ authorization: Authorization) {
        sent = authorization
        held = nil
        if lock.withLock({ isStopped }) { return }
        // Without the lock: Foundation on Linux makes tasks on the queue that it starts loads on.
        guard let started = attest.outwards()?.start(outgoing.carrying(authorization), self) else {
            client.end(AttestError.misconfigured(code: "stopped"))
            return
        }
        lock.lock()
        task = started
        let late = isStopped
        lock.unlock()
        if late { started.cancel() }
    }

    func head(_ response: HTTPURLResponse) -> Bool {
        if hasRedirected { return false }
        if response.statusCode >= 400 {
            held = (response, Data())
        } else {
            hear(response)
            client.head(response)
        }
        return true
    }

    func part(_ part: Data) -> Bool {
        guard let (head, body) = held else {
            client.part(part)
            return true
        }
        held = (head, body + part)
        // Too long to be a refusal.
        if body.count + part.count > Problems.bytesMax { release() }
        return true
    }

    func redirected(_ response: HTTPURLResponse, to request: URLRequest) {
        hasRedirected = true
        hear(response)
        client.redirected(to: request.without(sent?.headers ?? []), by: response)
    }

    func end(_ error: Error?) {
        if hasRedirected { return }
        guard error == nil, let (head, body) = held, let outgoing, let sent else {
            release()
            client.end(error)
            return
        }
        inBackground { [self] in
            let reply = Reply(head, body: body)
            let followed = try await attest.native.follow(request: outgoing.native, sent: sent, reply: reply)
            if let again = followed.again {
                send(outgoing, again)
            } else {
                release()
                client.end(nil)
            }
        }
    }

    /// Passes on what was held back.
    private func release() {
        guard let (head, body) = held else { return }
        held = nil
        client.head(head)
        if !body.isEmpty { client.part(body) }
    }

    /// The policy's version stands in every reply's head.
    private func hear(_ response: HTTPURLResponse) {
        guard let outgoing, let sent else { return }
        let reply = Reply(response, body: Data())
        let native = attest.native
        Task { _ = try? await native.follow(request: outgoing.native, sent: sent, reply: reply) }
    }

    private func inBackground(_ step: @escaping @Sendable () async throws -> Void) {
        let work = Task { [client] in
            do {
                try await translated(step)
            } catch {
                client.end(error)
            }
        }
        lock.lock()
        self.work = work
        lock.unlock()
    }
}
