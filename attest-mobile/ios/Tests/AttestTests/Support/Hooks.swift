import AttestNative
import Foundation

@testable import Attest

/// Stands between the native library and the phone: counts calls, notes their threads, and lets a test answer in a call's place.
final class Hooks: @unchecked Sendable {
    /// Calls of any phone on the main thread.
    static let offences = Seen<String>()

    /// Those of the phone that was made last.
    private(set) nonisolated(unsafe) static var latest: Hooks?

    private let lock = NSLock()
    private var made: [String] = []
    private var onMain: [String] = []
    private var instead: (@Sendable (String) throws -> Void)?
    private var changed: (@Sendable (ServiceRequest, Reply) throws -> Reply)?
    private var elsewhere: (@Sendable (String) -> String)?
    private var replied: (@Sendable (ServiceRequest) throws -> Reply?)?

    init() {
        Self.latest = self
    }

    /// Called before each call with its name; what it throws is what the call throws.
    var before: (@Sendable (String) throws -> Void)? {
        get { lock.withLock { instead } }
        set { lock.withLock { instead = newValue } }
    }

    /// Answers requests in the service's place; `nil` lets them pass.
    var reply: (@Sendable (ServiceRequest) throws -> Reply?)? {
        get { lock.withLock { replied } }
        set { lock.withLock { replied = newValue } }
    }

    /// Leads requests to another address.
    var routed: (@Sendable (String) -> String)? {
        get { lock.withLock { elsewhere } }
        set { lock.withLock { elsewhere = newValue } }
    }

    /// Changes what the service answered.
    var answered: (@Sendable (ServiceRequest, Reply) throws -> Reply)? {
        get { lock.withLock { changed } }
        set { lock.withLock { changed = newValue } }
    }

    /// Lets every call whose name begins with `part` fail with `error` from now on.
    func spoil(_ part: String, with error: any Error) {
        before = { if $0.hasPrefix(part) { throw error } }
    }

    /// Holds every call whose name begins with `part` back from now on.
    func hold(_ part: String) -> Gate {
        let gate = Gate()
        before = { if $0.hasPrefix(part) { gate.pass() } }
        return gate
    }

    /// All goes well again.
    func heal() {
        (before, reply, routed, answered) = (nil, nil, nil, nil)
    }

    /// What the observer was told.
    let heard = Seen<String>()

    /// Names of all calls so far, such as `transport.send enroll`.
    var calls: [String] { lock.withLock { made } }

    /// Those of them that were made on the main thread.
    var callsOnMain: [String] { lock.withLock { onMain } }

    func count(_ name: String) -> Int { calls.filter { $0 == name }.count }

    func call<T>(_ name: String, _ work: () throws -> T) throws -> T {
        lock.withLock {
            made.append(name)
            if Thread.isMainThread { onMain.append(name) }
        }
        // A clock is read wherever the time is needed; it does not wait.
        if Thread.isMainThread, !name.hasPrefix("clock") { Self.offences.add(name) }
        try before?(name)
        return try work()
    }

    /// `host` with these hooks before each of its parts.
    func around(_ host: PhoneHost) -> PhoneHost {
        var hooked = host
        hooked.transport = HookedTransport(host.transport, self)
        hooked.key = HookedKey(host.key, self)
        hooked.storage = HookedStorage(host.storage, self)
        hooked.observer = HookedObserver(host.observer, self)
        hooked.stepUp = HookedStepUp(host.stepUp, self)
        hooked.clock = host.clock.map { HookedClock($0, self) }
        return hooked
    }
}

private final class HookedTransport: Transport, @unchecked Sendable {
    private let (inner, hooks): (any Transport, Hooks)

    init(_ inner: any Transport, _ hooks: Hooks) {
        (self.inner, self.hooks) = (inner, hooks)
    }

    func send(request: ServiceRequest) throws -> Reply {
        let call = request.url.components(separatedBy: "/").last?.components(separatedBy: "?").first ?? ""
        return try hooks.call("transport.send " + call) {
            if let reply = try hooks.reply?(request) { return reply }
            var sent = request
            sent.url = hooks.routed?(sent.url) ?? sent.url
            let reply = try inner.send(request: sent)
            return try hooks.answered?(request, reply) ?? reply
        }
    }
}

private final class HookedKey: DeviceKey, @unchecked Sendable {
    private let (inner, hooks): (any DeviceKey, Hooks)

    init(_ inner: any DeviceKey, _ hooks: Hooks) {
        (self.inner, self.hooks) = (inner, hooks)
    }

    func generate(challenge: Data) throws -> Data {
        try hooks.call("key.generate") { try inner.generate(challenge: challenge) }
    }

    func publicKey() throws -> Data { try hooks.call("key.publicKey") { try inner.publicKey() } }

    func sign(signingInput: Data) throws -> Data {
        try hooks.call("key.sign") { try inner.sign(signingInput: signingInput) }
    }

    func vouch(purpose: Purpose, clientDataHash: Data) throws -> Vouched {
        try hooks.call("key.vouch \(purpose)") { try inner.vouch(purpose: purpose, clientDataHash: clientDataHash) }
    }

    func delete() throws { try hooks.call("key.delete") { try inner.delete() } }
}

private final class HookedStorage: Storage, @unchecked Sendable {
    private let (inner, hooks): (any Storage, Hooks)

    init(_ inner: any Storage, _ hooks: Hooks) {
        (self.inner, self.hooks) = (inner, hooks)
    }

    func get(name: String) throws -> Data? { try hooks.call("storage.get") { try inner.get(name: name) } }

    func put(name: String, blob: Data) throws {
        try hooks.call("storage.put") { try inner.put(name: name, blob: blob) }
    }

    func delete(name: String) throws { try hooks.call("storage.delete") { try inner.delete(name: name) } }
}

private final class HookedObserver: Observer, @unchecked Sendable {
    private let (inner, hooks): (any Observer, Hooks)

    init(_ inner: any Observer, _ hooks: Hooks) {
        (self.inner, self.hooks) = (inner, hooks)
    }

    func notice(code: String, text: String) throws {
        hooks.heard.add("\(code): \(text)")
        try hooks.call("observer.notice") { try inner.notice(code: code, text: text) }
    }
}

private final class HookedStepUp: StepUpPrompt, @unchecked Sendable {
    private let (inner, hooks): (any StepUpPrompt, Hooks)

    init(_ inner: any StepUpPrompt, _ hooks: Hooks) {
        (self.inner, self.hooks) = (inner, hooks)
    }

    func complete(stepUp: StepUp) throws -> String? {
        try hooks.call("stepUp.complete") { try inner.complete(stepUp: stepUp) }
    }
}

private final class HookedClock: Clock, @unchecked Sendable {
    private let (inner, hooks): (any Clock, Hooks)

    init(_ inner: any Clock, _ hooks: Hooks) {
        (self.inner, self.hooks) = (inner, hooks)
    }

    func wallS() throws -> UInt64 { try hooks.call("clock.wall") { try inner.wallS() } }

    func monotonicUs() throws -> UInt64 { try hooks.call("clock.monotonic") { try inner.monotonicUs() } }
}
