// The Swift of docs/ios.md. What stands between `// page:` and `// page ends` is a block there, letter by letter: PageTests
// compares, and runs what can be run here. Around the blocks is what an app has anyway.
import Attest
import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

// page: backend
/// Made once at the start, and kept for as long as the app runs: without `attest`, requests leave without tokens.
final class Backend {
    let attest: Attest
    let session: URLSession

    init(_ settings: AttestSettings) throws {
        attest = try Attest.start(settings)
        let configuration = URLSessionConfiguration.default
        configuration.protocolClasses = [attest.urlProtocol]
        session = URLSession(configuration: configuration)
    }
}

extension AttestSettings {
    /// For the gateway on your computer.
    static func development(policyRoot: Data) -> AttestSettings {
        var settings = AttestSettings(
            serviceUrl: "http://127.0.0.1:8080/.attest/v1", app: "bank-ios", policyRoot: policyRoot)
        settings.environment = .development
        settings.qaIdentity = true
        settings.debugLog = { print("attest", $0) }
        return settings
    }
}

/// The HTTP status that your backend answers with.
func balance(by backend: Backend, at api: String = "http://127.0.0.1:8080") async throws -> Int? {
    let request = URLRequest(url: URL(string: api + "/v1/balance")!)
    let (_, response) = try await backend.session.data(for: request)
    return (response as? HTTPURLResponse)?.statusCode
}
// page ends

// page: root
extension Bundle {
    /// The file `policy-root.json` that was added to the app's target.
    func policyRoot() throws -> Data {
        guard let file = url(forResource: "policy-root", withExtension: "json") else { throw CocoaError(.fileNoSuchFile) }
        return try Data(contentsOf: file)
    }
}
// page ends

// page: production
extension AttestSettings {
    static func production(policyRoot: Data) -> AttestSettings {
        AttestSettings(serviceUrl: "https://api.bank.example/.attest/v1", app: "bank-ios", policyRoot: policyRoot)
    }
}
// page ends

// page: errors
/// The reply's content, or the sentence to show in its place.
func reply(to request: URLRequest, by session: URLSession) async -> Result<Data, Sentence> {
    do {
        let (data, response) = try await session.data(for: request)
        if let refusal = AttestRefusal(data: data, response: response) {
            return .failure("Please call us and say this code: \(refusal.support)")
        }
        return .success(data)
    } catch {
        switch AttestError(error) {
        case .offline: return .failure("There is no safe connection.")
        case .tryLater(_, let seconds): return .failure("Please try again in \(Int(seconds) + 1) s.")
        case .updateApp: return .failure("Please update the app.")
        case .refused(_, let support): return .failure("Please call us and say this code: \(support)")
        case .stepUpDeclined: return .failure("You did not confirm.")
        case .misconfigured(let code): return .failure("That is our mistake (\(code)).")
        case nil: return .failure("There is no connection.")
        }
    }
}

struct Sentence: Error, Equatable, ExpressibleByStringInterpolation {
    let text: String
    init(stringLiteral text: String) { self.text = text }
}
// page ends

// page: own-session
/// By a session of your own, with its delegate: pins, cookies, metrics and time-outs are yours.
func pay(_ order: Data, by session: URLSession, and attest: Attest) async throws -> (Data, URLResponse) {
    var request = URLRequest(url: URL(string: "https://api.bank.example/v1/payments/1")!)
    request.httpMethod = "POST"
    request.httpBody = order
    return try await session.attestData(for: request, by: attest)
}
// page ends

// page: authorize
/// `client` is yours: it sends exactly this request, with these headers, and follows no redirect.
func send(
    _ request: URLRequest, with attest: Attest, client: (URLRequest) async throws -> (Data, URLResponse)
) async throws -> (Data, URLResponse) {
    var sent = try await attest.authorize(request)
    while true {
        let (data, response) = try await client(sent)
        guard let again = try await attest.follow(sent, data: data, response: response) else { return (data, response) }
        sent = again
    }
}
// page ends

extension AttestSettings {
    mutating func pinned(to isOurs: @escaping @Sendable (URLProtectionSpace) -> Bool) {
        var settings = self
        // page: pins
        settings.trust = { challenge in
            isOurs(challenge.protectionSpace) ? (.performDefaultHandling, nil) : (.cancelAuthenticationChallenge, nil)
        }
        // page ends
        self = settings
    }

    mutating func confirmed(by screen: ConfirmationScreen) {
        var settings = self
        // page: step-up
        settings.stepUp = { stepUp in
            // Returns when the user has answered: what the issuer signed, or nil.
            await screen.ask(stepUp.id)
        }
        // page ends
        self = settings
    }
}

@MainActor
final class ConfirmationScreen {
    private(set) var asked: [String] = []
    var answer: @Sendable (String) -> String? = { _ in nil }

    func ask(_ id: String) async -> String? {
        asked.append(id)
        return answer(id)
    }
}

// page: support
/// What a support screen sends to your support.
func forSupport(_ attest: Attest) -> String {
    attest.diagnostics()
}

/// Whether the next request can be sent without waiting.
func isReady(_ attest: Attest) -> Bool {
    attest.status().sessionEndsIn != nil
}
// page ends
