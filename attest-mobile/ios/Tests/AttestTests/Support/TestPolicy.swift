import CryptoKit
import Foundation

/// The policy of the tests' bank, and what differs between publications.
struct TestPolicy {
    let origin: String
    var version = 1
    /// Its gateway is never asked for more than its policy: a production policy has no origin on loopback.
    var isProduction = false
    /// The keys of the gateways; one of development adds its own.
    var responseKeys = "response_keys: []"
    /// What counts as evidence from the app.
    var evidence = "[software, app_attest]"
    /// Further rules.
    var rules = ""
    /// Members of the whole policy.
    var more = ""
    /// The device policy that the route `careful` asks for.
    var minPolicy = 0
    /// Who confirms step-ups.
    let issuer = P256.Signing.PrivateKey()

    init(origin: String) {
        self.origin = origin
    }

    var source: String {
        let point = issuer.publicKey.x963Representation
        let (x, y) = (base64url(point[1..<33]), base64url(point[33...]))
        return """
            version: \(version)
            environment: \(isProduction ? "production" : "development")
            origins: ['\(isProduction ? "https://api.bank.example" : origin)']
            \(more)
            apps:
              - id: bank-ios
                platform: ios
                team: A1B2C3D4E5
                bundle: com.example.bank
                evidence: \(evidence)
                app_attest_environment: \(isProduction ? "production" : "development")
                min_version: '1.0'
            requirements: {from_routes: true}
            \(responseKeys)
            rules:
              - id: refused-for-all
                mode: enforce
                why: This route shows what a refusal is.
                when: {fact: route.id, op: eq, value: refused}
                then: deny
              - id: confirmed-by-the-user
                mode: enforce
                why: This route shows what a step-up is.
                when: {fact: route.id, op: eq, value: payees}
                then: {step_up: {kind: user, issuer: bank-otp}}
            \(rules)
            routes:
            \(route("open", "GET", "require: none"))
            \(route("onboarding", "POST", "require: enforce, apps: [bank-ios], bind: [body, query], single_use: true"))
            \(route("login", "POST", "require: enforce, apps: [bank-ios], bind: [body]"))
            \(route("balance", "GET", "require: enforce, apps: [bank-ios], bind: [query, authorization]"))
            \(route("payments", "POST", "require: enforce, apps: [bank-ios], token: proof, bind: [body, query], single_use: true, min_policy: \(minPolicy)"))
            \(route("payees", "POST", "require: enforce, apps: [bank-ios], bind: [body], step_up_valid_s: 120"))
            \(route("refused", "GET", "require: enforce, apps: [bank-ios]"))
            \(route("redirect", "GET", "require: enforce, apps: [bank-ios]"))
            \(route("silent", "GET", "require: enforce, apps: [bank-ios]"))
            \(route("long-refusal", "GET", "require: enforce, apps: [bank-ios]"))
            \(route("careful", "GET", "require: enforce, apps: [bank-ios], min_policy: \(minPolicy)"))
            limits: {session_lifetime_s: 900}
            step_up_issuers:
              bank-otp:
                issuer: https://otp.bank.example
                jwks:
                  keys: [{kty: EC, crv: P-256, alg: ES256, use: sig, kid: otp-1, x: \(x), y: \(y)}]
            """
    }

    /// What the issuer signs when a user confirms.
    func completion(of stepUp: String, device: String) throws -> String {
        let now = Int(Date().timeIntervalSince1970)
        let claims: [String: Any] = [
            "iss": "https://otp.bank.example", "aud": origin, "sub": device, "step_up": stepUp,
            "iat": now, "exp": now + 120,
        ]
        let header = Data(#"{"alg":"ES256","typ":"attest-step-up+jwt","kid":"otp-1"}"#.utf8)
        let input = base64url(header) + "." + base64url(try JSONSerialization.data(withJSONObject: claims))
        return input + "." + base64url(try issuer.signature(for: Data(input.utf8)).rawRepresentation)
    }

    private func route(_ id: String, _ method: String, _ members: String) -> String {
        "  - {id: \(id), methods: [\(method)], path: /v1/\(id), upstream: bank, \(members)}"
    }
}

func base64url<D: DataProtocol>(_ data: D) -> String {
    Data(data).base64EncodedString().replacingOccurrences(of: "+", with: "-")
        .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
}
