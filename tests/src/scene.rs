//! The real gateway in front of a backend that shows everything, with a clock that the test moves.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use attest_core::problem::{MEDIA_TYPE, Problem, ProblemCode, RetryClass, TYPE_PREFIX};
use attest_core::support_code::{Cause, NameHash};
use attest_gateway::clock::ManualClock;
use attest_gateway::gateway::Gateway;
use attest_mobile::HttpReply;
use attest_testkit::client::HttpClient;
use attest_testkit::phone::Phone;
use attest_testkit::policy::PolicySettings;
use attest_testkit::world::{World, WorldOptions};

use crate::attacker::Attacker;
use crate::backend::Backend;
use crate::wire;

/// When every story begins, Unix seconds.
pub const START_S: u64 = 1_800_000_000;

/// A gateway, its backend and its clock.
#[derive(Debug)]
pub struct Scene {
    /// The gateway, with a bank that no route leads to.
    pub world: World,
    /// Where every route leads.
    pub backend: Backend,
    /// The gateway's clock.
    pub clock: Arc<ManualClock>,
}

/// A refusal, as the operator sees it.
#[derive(Debug)]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// Code.
    pub code: ProblemCode,
    /// What the support code opens to.
    pub cause: Cause,
    /// The whole document.
    pub problem: Problem,
}

impl Scene {
    /// The sample bank's policy.
    pub async fn open() -> Self {
        Self::with("", |_| ()).await
    }

    /// With lines added to `attest.toml` (members of the backend's own section first) and a changed policy.
    pub async fn with(config: &str, policy: fn(&mut PolicySettings)) -> Self {
        let backend = Backend::open().await;
        let clock = Arc::new(ManualClock::at(START_S));
        let mut options = WorldOptions::new(Arc::clone(&clock) as _);
        options.config = format!(
            "[[upstreams]]\nname = \"shown\"\nurl = \"{}\"\n{config}",
            backend.url()
        );
        options.upstream = "shown";
        options.policy = policy;
        let world = World::start(options).await.unwrap();
        Self {
            world,
            backend,
            clock,
        }
    }

    /// The gateway.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        self.world.server().gateway()
    }

    /// `host:port` of the gateway.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.world.origin().trim_start_matches("http://")
    }

    /// A client of the gateway.
    #[must_use]
    pub fn client(&self) -> HttpClient {
        HttpClient::new(self.world.origin(), "test/1").unwrap()
    }

    /// A genuine phone.
    #[must_use]
    pub fn phone(&self) -> Phone {
        Phone::new(self.world.phone()).unwrap()
    }

    /// An attacker without a registration.
    #[must_use]
    pub fn attacker(&self) -> Attacker {
        Attacker::new(&self.world)
    }

    /// Sends bytes, in which `{host}` stands for the gateway's authority, and reads one reply.
    pub async fn raw(&self, bytes: &str) -> Option<HttpReply> {
        wire::exchange(self.authority(), bytes.replace("{host}", self.authority())).await
    }

    /// The gateway after a restart in the same folder.
    pub async fn restarted(self) -> Self {
        Self {
            world: self.world.restart().await.unwrap(),
            ..self
        }
    }

    /// The refusal in a reply, which is a whole and truthful problem document.
    #[must_use]
    pub fn refused(&self, reply: &HttpReply) -> Refused {
        let text = String::from_utf8_lossy(&reply.body);
        let problem: Problem = serde_json::from_slice(&reply.body)
            .unwrap_or_else(|error| panic!("{} {error}: {text}", reply.status));
        let code = problem
            .code()
            .unwrap_or_else(|| panic!("an unknown code: {text}"));
        assert_eq!(problem.type_uri, format!("{TYPE_PREFIX}{}", code.as_str()));
        assert_eq!(reply.header("content-type"), Some(MEDIA_TYPE), "{text}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{text}");
        assert_eq!(
            (problem.status, problem.retry),
            (reply.status, code.retry()),
            "{text}"
        );
        assert_eq!(
            reply.header("www-authenticate"),
            (reply.status == 401).then_some("Attest realm=\"attest\""),
            "{text}"
        );
        assert_eq!(
            reply.header("retry-after").is_some(),
            code.retry() == RetryClass::Later,
            "{text}"
        );
        assert!(
            reply.header("connection").is_none_or(|value| value == "close"),
            "{text}"
        );
        let version = self.gateway().policies().active().version();
        assert_eq!(
            reply.header("attest-policy"),
            Some(version.to_string().as_str()),
            "{text}"
        );
        let cause = self.gateway().open_support_code(&problem.support).unwrap();
        assert_eq!((cause.code, cause.policy_version), (code, version), "{text}");
        Refused {
            status: reply.status,
            code,
            cause,
            problem,
        }
    }

    /// Asserts that a reply refuses by this code, on this route (none if empty) and for this inner reason or rule, and that
    /// nothing reached the backend.
    pub fn refuses(
        &self,
        what: &str,
        reply: &HttpReply,
        status: u16,
        code: ProblemCode,
        route: &str,
        reason: &str,
    ) {
        let refused = self.refused(reply);
        let seen = (
            refused.status,
            refused.code.as_str(),
            word(refused.cause.route),
            word(refused.cause.rule),
        );
        assert_eq!(
            seen,
            (status, code.as_str(), route.to_owned(), reason.to_owned()),
            "{what}"
        );
        let arrived = self.backend.take();
        assert!(arrived.is_empty(), "{what} reached the backend: {arrived:?}");
    }
}

/// The word behind a hash, as it stands in the sources of core, gateway and the sample policy; the hash itself if it does not.
fn word(hash: NameHash) -> String {
    static WORDS: LazyLock<Vec<(NameHash, String)>> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut words = BTreeSet::new();
        for folder in [
            "attest-core/src",
            "attest-gateway/src",
            "testkit/src",
            "tests/tests",
            "tests/src",
        ] {
            collect(&root.join(folder), &mut words);
        }
        words
            .into_iter()
            .map(|word| (NameHash::of(&word), word))
            .collect()
    });
    if hash.is_none() {
        return String::new();
    }
    WORDS
        .iter()
        .find(|(known, _)| *known == hash)
        .map_or_else(|| format!("{hash:?}"), |(_, word)| word.clone())
}

fn collect(folder: &Path, words: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, words);
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            words.extend(
                text.split(|c| !name(c))
                    .filter(|word| !word.is_empty())
                    .map(str::to_owned),
            );
        }
    }
}
