//! Those who would like to write policy: at the place where the gateway reads it, and between a phone and the gateway.

use std::sync::{Arc, Mutex, PoisonError};

use attest_core::problem::{Problem, ProblemCode};
use attest_gateway::policy::Published;
use attest_mobile::foreign::Observer;
use attest_mobile::{HttpReply, Notice};
use attest_testkit::meddler::Meddler;
use attest_testkit::phone::Phone;
use attest_testkit::policy::PolicySettings;
use attest_testkit::publisher::Forgery;
use attest_testkit::world::World;

use super::cast::Cast;
use super::chapters::{PATIENCE, pause};
use super::customers;
use super::expectation::Expectations;
use super::timeline::Timeline;
use crate::clock::Stopwatch;

/// Where phones fetch policy.
const BUNDLE: &str = "/.attest/v1/policy/bundle";
/// The status of that refusal.
const OUTDATED: u16 = 403;
/// A request of the phone whose network somebody else holds.
const LOGIN: &str = "/v1/login";

/// Codes of policies that a phone refused.
#[derive(Debug, Default)]
struct Refusals(Mutex<Vec<&'static str>>);

impl Observer for Refusals {
    fn notice(&self, notice: &Notice) {
        if let Notice::PolicyRefused(fault) = notice {
            let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            refused.push(fault.code());
        }
    }
}

impl Refusals {
    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The forgers, and whoever stands between one customer's phone and the gateway.
pub(super) struct Forgers<'a> {
    world: &'a World,
    cast: &'a Cast,
    meddler: Arc<Meddler>,
    victim: Phone,
    refusals: Arc<Refusals>,
    tried: usize,
    in_vain: usize,
    /// What was said of the last round.
    told: Vec<String>,
}

impl<'a> Forgers<'a> {
    /// A customer's phone begins to use a network that is not to be trusted.
    pub(super) async fn new(world: &'a World, cast: &'a Cast) -> Result<Self, String> {
        let (meddler, refusals) = (Arc::new(Meddler::default()), Arc::new(Refusals::default()));
        let mut options = world.phone();
        options.meddler = Some(Arc::clone(&meddler));
        options.observer = Arc::clone(&refusals) as _;
        let victim = Phone::new(options).map_err(|error| error.to_string())?;
        customers::request(&cast.meddled, &victim, "POST", LOGIN, "{}").await;
        Ok(Self {
            world,
            cast,
            meddler,
            victim,
            refusals,
            tried: 0,
            in_vain: 0,
            told: Vec::new(),
        })
    }

    /// Every forgery once at the gateway and once at the phone.
    pub(super) async fn try_all(&mut self, timeline: &Timeline) -> Result<(), String> {
        let mut codes = Vec::new();
        for forgery in Forgery::ALL {
            let repository = self
                .world
                .forge(forgery, harmless)
                .map_err(|error| error.to_string())?;
            let at_gateway = self.feed_gateway(&repository).await?;
            let at_phone = self.feed_phone(&repository).await?;
            for refused in [&at_gateway, &at_phone] {
                self.tried += 1;
                self.in_vain += usize::from(refused.is_some());
            }
            let word = |code: Option<String>| code.unwrap_or_else(|| "NOT REFUSED".to_owned());
            codes.push(format!(
                "{}: {} and {}",
                forgery.as_str(),
                word(at_gateway),
                word(at_phone)
            ));
        }
        if std::mem::replace(&mut self.told, codes.clone()) == codes {
            timeline.say("forgers once more, at gateway and phone: refused as before");
        } else {
            timeline.say(&format!("forgers, at gateway and phone: {}", codes.join("; ")));
        }
        Ok(())
    }

    /// What came of it all.
    pub(super) fn judge(&self, expectations: &mut Expectations) {
        expectations.expect(
            "forged-policies-change-nothing",
            self.tried > 0 && self.in_vain == self.tried,
            format!("{} of {} refused, at gateway and phone", self.in_vain, self.tried),
        );
    }

    /// Puts a repository where the gateway reads. The code by which it was refused, if nothing else changed.
    async fn feed_gateway(
        &self,
        repository: &attest_policy::repository::Repository,
    ) -> Result<Option<String>, String> {
        let policies = || self.world.server().gateway().policies();
        let nack = || {
            policies()
                .status()
                .followed
                .as_ref()
                .and_then(|of| of.last_nack.clone())
        };
        let (version, before) = (policies().active().version(), nack());
        self.world.put(repository).map_err(|error| error.to_string())?;
        let begun = Stopwatch::start();
        let mut refused = None;
        while refused.is_none() && begun.elapsed() < PATIENCE {
            pause(5).await;
            refused = nack().filter(|nack| Some(nack) != before.as_ref());
        }
        self.world.publish_again().map_err(|error| error.to_string())?;
        let unchanged = policies().active().version() == version;
        Ok(refused.filter(|_| unchanged).map(|nack| nack.code))
    }

    /// Sends the phone for a new policy and hands it this one. The code by which the phone refused it, if nothing else changed.
    async fn feed_phone(
        &self,
        repository: &attest_policy::repository::Repository,
    ) -> Result<Option<String>, String> {
        let version = || self.victim.attestor().status().policy_version;
        let before = version();
        let published = Published::new(repository).map_err(|error| error.to_string())?;
        let (bundle, _) = published.bundle(1);
        self.refusals.take();
        self.meddler.answer(LOGIN, outdated());
        self.meddler.answer(
            BUNDLE,
            HttpReply {
                status: 200,
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                body: bundle.to_vec(),
            },
        );
        customers::request(&self.cast.meddled, &self.victim, "POST", LOGIN, "{}").await;
        let refused = self.refusals.take().first().map(|code| (*code).to_owned());
        Ok(refused.filter(|_| version() == before))
    }
}

/// What forgers want: no rule decides anything.
fn harmless(policy: &mut PolicySettings) {
    policy.cloner_rule = "off";
    policy.emulator_rule = "off";
    policy.more_rules = "";
    policy.brake_rules = "";
    policy.more_detectors = "";
}

/// A refusal that sends the phone for a newer policy.
fn outdated() -> HttpReply {
    let code = ProblemCode::PolicyOutdated;
    let problem = Problem {
        type_uri: format!("urn:attest:problem:{}", code.as_str()),
        title: "Forged.".to_owned(),
        status: OUTDATED,
        retry: code.retry(),
        support: String::new(),
        missing: None,
        step_up: None,
        retry_after_s: None,
    };
    HttpReply {
        status: OUTDATED,
        headers: vec![("content-type".to_owned(), "application/problem+json".to_owned())],
        body: serde_json::to_vec(&problem).unwrap_or_default(),
    }
}
