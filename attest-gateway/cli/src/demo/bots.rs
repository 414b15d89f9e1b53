//! Attackers. None has a phone of its own; some have tokens that they took from one.

use attest_core::encoding::base64url;
use attest_core::jose::jwk::thumbprint;
use attest_core::jose::{Jwk, SigningKey};
use attest_mobile::{Headers, HttpReply};
use attest_testkit::bank::FORGED;
use attest_testkit::client::HttpClient;
use attest_testkit::phone::Phone;
use ring::rand::SystemRandom;

use super::actor::Actor;

/// What an attacker works with.
pub(super) struct Bot<'a> {
    pub(super) actor: &'a Actor,
    pub(super) client: &'a HttpClient,
}

impl Bot<'_> {
    /// Sends a request as it is. Returns the reply, if there was one.
    pub(super) async fn send(
        &self,
        method: &str,
        target: &str,
        more: &Headers,
        body: &str,
    ) -> Option<HttpReply> {
        let mut headers = self.actor.headers();
        if !more.iter().any(|(name, _)| name == "authorization") {
            headers.push(("authorization".to_owned(), "Bearer demo-access-token".to_owned()));
        }
        headers.extend(more.iter().cloned());
        match self.client.app(method, target, &headers, body.as_bytes()).await {
            Ok(reply) => {
                self.actor.note(&reply, false);
                Some(reply)
            }
            Err(error) => {
                self.actor.note_failure(error.to_string());
                None
            }
        }
    }

    /// A script without the SDK tries every protected route.
    pub(super) async fn without_sdk(&self) {
        let none = Headers::new();
        for _ in 0..5 {
            self.send("POST", "/v1/onboarding", &none, r#"{"name":"bot"}"#)
                .await;
            self.send("POST", "/v1/login", &none, "{}").await;
            self.send("POST", "/v1/payments", &none, r#"{"amount":"999.00"}"#)
                .await;
            self.send("GET", "/v1/balance", &none, "").await;
        }
        self.send("POST", "/v1/undocumented", &none, "{}").await;
        self.send("POST", "/v1/../v1/payments", &none, "{}").await;
        self.send("POST", "/v1/%70ayments", &none, "{}").await;
    }

    /// Sends again what a genuine phone has sent: captured on its way, or read from a log.
    pub(super) async fn replay(&self, captured: &Captured) {
        for _ in 0..5 {
            self.send("POST", captured.target, &captured.tokens, captured.body)
                .await;
        }
    }

    /// Takes a token that a genuine phone made for one request to another one.
    pub(super) async fn move_token(&self, phone: &Phone) {
        let body = r#"{"amount":"1.00"}"#;
        let bearer = vec![("authorization".to_owned(), "Bearer demo-access-token".to_owned())];
        let Ok(payment) = phone
            .token_headers("POST", "/v1/payments?to=DE02", &bearer, body.as_bytes())
            .await
        else {
            return;
        };
        self.send("POST", "/v1/payments?to=XX99", &payment, body).await;
        self.send(
            "POST",
            "/v1/payments?to=DE02",
            &payment,
            r#"{"amount":"9999.00"}"#,
        )
        .await;
        self.send("POST", "/v1/payees", &payment, body).await;
        let mut other_customer = payment.clone();
        other_customer.push(("authorization".to_owned(), "Bearer another-customer".to_owned()));
        self.send("POST", "/v1/payments?to=DE02", &other_customer, body)
            .await;
        let Ok(login) = phone
            .token_headers("POST", "/v1/login", &Headers::new(), b"{}")
            .await
        else {
            return;
        };
        self.send("POST", "/v1/payments?to=DE02", &login, "{}").await;
        self.send("POST", "/v1/login", &login, r#"{"user":"victim"}"#)
            .await;
        let Ok(balance) = phone
            .token_headers("GET", "/v1/balance?currency=EUR", &bearer, b"")
            .await
        else {
            return;
        };
        self.send("GET", "/v1/balance?currency=USD", &balance, "").await;
        self.send("POST", "/v1/login", &balance, "").await;
    }

    /// Forges and tampers: no signature, foreign keys, changed claims, changed tickets.
    pub(super) async fn forge(&self, phone: &Phone) {
        let Some(token) = session_token(phone).await else {
            return;
        };
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = parts.as_slice() else {
            return;
        };
        let other_payload = flip(payload);
        let none = base64url(br#"{"alg":"none","typ":"attest-session+jwt"}"#);
        let rng = SystemRandom::new();
        let Ok(own_key) = SigningKey::generate(&rng) else {
            return;
        };
        for forged in [
            format!("{header}.{other_payload}.{signature}"),
            format!("{header}.{payload}.{}", flip(signature)),
            format!("{}.{payload}.{signature}", flip(header)),
            format!("{none}.{payload}."),
            format!("{none}.{payload}.{signature}"),
            format!("{header}.{payload}.{}", base64url([0; 32])),
            format!("{header}.{payload}"),
            "A".repeat(5000),
            String::from("."),
        ] {
            self.send(
                "POST",
                "/v1/login",
                &vec![("attest-token".to_owned(), forged)],
                "{}",
            )
            .await;
        }
        let attestation = own_attestation(&own_key);
        let proof = own_proof(&own_key);
        let tokens = vec![
            ("oauth-client-attestation".to_owned(), attestation),
            ("oauth-client-attestation-pop".to_owned(), proof),
        ];
        self.send("POST", "/v1/payments?to=XX99", &tokens, "{}").await;
    }

    /// Says what only the gateway may say, and hides or doubles what it wants to see.
    pub(super) async fn fake_headers(&self, phone: &Phone) {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let Some(token) = session_token(phone).await else {
            return;
        };
        for faked in [
            vec![
                header("attest-decision", "allow"),
                header("attest-device", FORGED),
                header("attest-app", FORGED),
            ],
            vec![
                header("ATTEST-Decision", "allow"),
                header("Attest-Assertion", FORGED),
            ],
            vec![
                header("attest_decision", "allow"),
                header("attest_device", FORGED),
            ],
            vec![
                header("connection", "attest-token"),
                header("attest-device", FORGED),
            ],
            vec![
                header("x-http-method-override", "GET"),
                header("attest-decision", "allow"),
            ],
            vec![header("attest-token", &token), header("attest-token", &token)],
            vec![header("attest-token", ""), header("attest-decision", "allow")],
            vec![
                header("x-forwarded-host", "bank.internal"),
                header("x-original-url", "/health"),
            ],
        ] {
            self.send("POST", "/v1/login", &faked, r#"{"user":"bot"}"#).await;
        }
    }
}

/// A request that a genuine phone sent and that the bank answered.
pub(super) struct Captured {
    pub(super) target: &'static str,
    pub(super) body: &'static str,
    pub(super) tokens: Headers,
}

/// A session token that a genuine phone made for a login.
async fn session_token(phone: &Phone) -> Option<String> {
    let headers = phone
        .token_headers("POST", "/v1/login", &Headers::new(), b"{}")
        .await
        .ok()?;
    headers
        .into_iter()
        .find(|(name, _)| name == "attest-token")
        .map(|(_, token)| token)
}

/// The same text with its middle character changed.
fn flip(text: &str) -> String {
    let middle = text.len() / 2;
    let change = |(at, c): (usize, char)| match (at == middle, c) {
        (true, 'A') => 'B',
        (true, _) => 'A',
        (false, c) => c,
    };
    text.chars().enumerate().map(change).collect()
}

/// An attestation that the attacker signed itself.
fn own_attestation(key: &SigningKey) -> String {
    let point = key.public_point();
    let claims = serde_json::json!({
        "iss": "https://api.bank.example", "sub": "bank-android", "iat": 1, "exp": 4_000_000_000_u64,
        "cnf": {"jwk": Jwk::p256(&point)},
    });
    sign(
        key,
        "oauth-client-attestation+jwt",
        Some(&thumbprint(&point)),
        &claims,
    )
}

/// A proof of possession of the attacker's own key.
fn own_proof(key: &SigningKey) -> String {
    let claims = serde_json::json!({"aud": "https://api.bank.example", "iat": 1, "jti": "A".repeat(22)});
    sign(key, "oauth-client-attestation-pop+jwt", None, &claims)
}

fn sign(key: &SigningKey, typ: &str, kid: Option<&str>, claims: &serde_json::Value) -> String {
    use attest_core::jose::{Algorithm, Unsigned};
    let signed = Unsigned::new(Algorithm::Es256, typ, kid, claims)
        .ok()
        .and_then(|unsigned| {
            let signature = key.sign(unsigned.signing_input(), &SystemRandom::new()).ok()?;
            Some(unsigned.attach(&signature))
        });
    signed.unwrap_or_default()
}
