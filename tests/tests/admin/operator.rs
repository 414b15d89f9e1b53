//! A scene with an admin listener, and operators with different tokens.

use attest_gateway::admin::AdminSecret;
use attest_mobile::{Headers, HttpReply};
use attest_testkit::client::HttpClient;
use attest_testkit::policy::PolicySettings;
use attest_tests::request::header;
use attest_tests::scene::Scene;
use ring::rand::SystemRandom;
use serde_json::Value;

/// A gateway with an admin listener.
pub(crate) struct Operated {
    pub(crate) scene: Scene,
    pub(crate) admin: HttpClient,
    /// Has every scope.
    pub(crate) operator: AdminSecret,
    /// May only read.
    pub(crate) reader: AdminSecret,
    /// May only operate.
    pub(crate) hand: AdminSecret,
}

impl Operated {
    pub(crate) async fn open() -> Self {
        Self::with("", "", |_| ()).await
    }

    /// With lines in `[admin]`, further sections, and a changed policy.
    pub(crate) async fn with(admin: &str, more: &str, policy: fn(&mut PolicySettings)) -> Self {
        let rng = SystemRandom::new();
        let secret = || AdminSecret::generate(&rng).unwrap();
        let (operator, reader, hand) = (secret(), secret(), secret());
        let token = |name: &str, scopes: &str, secret: &AdminSecret| {
            let sha256 = secret.sha256_hex();
            format!("[[admin.tokens]]\nname = \"{name}\"\nscopes = [{scopes}]\nsha256 = \"{sha256}\"\n")
        };
        let config = format!(
            "{more}\n[admin]\nenabled = true\naddress = \"127.0.0.1:0\"\n{admin}\n{}{}{}",
            token("operator", "'read', 'operate', 'publish'", &operator),
            token("reader", "'read'", &reader),
            token("hand", "'operate'", &hand),
        );
        let scene = Scene::with(&config, policy).await;
        let address = scene.world.server().admin().unwrap().url();
        Self {
            admin: HttpClient::new(&address, "operator/1")
                .unwrap_or_else(|| HttpClient::new("http://none:1", "").unwrap()),
            scene,
            operator,
            reader,
            hand,
        }
    }

    /// Calls with this token, if any.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&AdminSecret>,
        body: &Value,
    ) -> HttpReply {
        let mut headers: Headers = vec![header("content-type", "application/json")];
        headers.extend(token.map(|token| header("authorization", &format!("Bearer {}", token.reveal()))));
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        self.admin
            .app(method, &format!("/admin/v1{path}"), &headers, &body)
            .await
            .unwrap()
    }

    /// What an operator reads.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let reply = self.call("GET", path, Some(&self.operator), &Value::Null).await;
        assert_eq!(reply.status, 200, "{path}: {}", text(&reply));
        json(&reply)
    }

    /// What an operator does, with the expected status.
    pub(crate) async fn act(&self, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let reply = self.call(method, path, Some(&self.operator), body).await;
        assert_eq!(reply.status, status, "{method} {path}: {}", text(&reply));
        json(&reply)
    }

    /// The samples of a scrape.
    pub(crate) async fn metrics(&self) -> String {
        let reply = self
            .call("GET", "/metrics", Some(&self.reader), &Value::Null)
            .await;
        assert_eq!(reply.status, 200);
        text(&reply)
    }
}

pub(crate) fn text(reply: &HttpReply) -> String {
    String::from_utf8(reply.body.clone()).unwrap()
}

pub(crate) fn json(reply: &HttpReply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{error}: {}", text(reply)))
}
