//! The Attestor without input and output: a state machine that is told what happened and says what to do next.
//!
//! It reads no clock, waits for nothing and keeps no key but the session's. One piece of work is under way at a time, so
//! that however many requests wait, one enrolment or renewal serves them all. Nothing locks it out: whatever failed is tried
//! again within a minute.

mod backoff;
mod debug;
mod exchange;
mod follow;
mod io;
mod mint;
mod record;
mod refresh;
mod reply;
mod scan;
mod status;
mod time;

use std::collections::VecDeque;
use std::sync::Arc;

use attest_core::bundle::Kept;
use attest_core::challenge::Purpose;
use attest_core::policy::Variables;
use ring::rand::SecureRandom;

use self::backoff::{Lane, jitter_ms};
use self::exchange::{Answering, LiveSession, Presented, Signing};
pub use self::follow::{Attempt, Next};
pub use self::io::{Effect, Event, Loaded, Unloadable};
pub use self::mint::{Demand, Step, ToSign};
pub use self::record::{POLICY_BLOB, STATE_BLOB};
use self::record::{PolicyRecord, Registration, StateRecord};
pub use self::scan::{Judged, Scan};
pub use self::status::Status;
pub use self::time::Now;
use self::time::{ServerClock, TimeFloor};
use crate::config::Settings;
use crate::failure::Failure;
use crate::foreign::KeyError;
use crate::notice::Notice;
pub use crate::policy::{Accepted, Offer};
use crate::policy::{ActivePolicy, PolicyAge};

/// What is under way. The answer to any other effect is ignored.
#[derive(Default)]
enum Work {
    #[default]
    Idle,
    Loading,
    Fetching,
    Resuming,
    Accepting,
    Rescanning,
    Challenging(Purpose),
    Scanning(Answering),
    Generating(Answering),
    Signing(Box<Signing>),
    Vouching(Box<Presented>),
    Presenting(Box<Presented>),
}

/// What has to be done beyond what time asks for.
#[derive(Debug, Default)]
struct Wants {
    policy: bool,
    /// When an announced policy is fetched, on the monotonic clock.
    policy_at_ms: Option<u64>,
    renewal: bool,
    enrolment: bool,
    scan: bool,
}

/// The state machine. `Debug` shows no part of evidence, session or registration.
pub struct Machine {
    settings: Arc<Settings>,
    variables: Variables,
    clock: ServerClock,
    /// What has certainly passed, for what expires.
    floor: Option<TimeFloor>,
    loaded: bool,
    /// The age of the newest policy that was ever active: no older one follows, even if the newest is lost.
    policy_floor: PolicyAge,
    policy: Option<ActivePolicy>,
    /// The roots, and what vouches for the policy in force.
    kept: Kept,
    /// The entity tag under which the service last gave exactly that.
    etag: Option<String>,
    policy_fetches: u64,
    key: Option<[u8; 65]>,
    registration: Option<Registration>,
    session: Option<LiveSession>,
    sessions: u64,
    judged: Judged,
    wants: Wants,
    /// A refusal that another try at once may cure was met in this round.
    second_try: bool,
    loading: Lane,
    fetching: Lane,
    joining: Lane,
    /// The service signs with a key that the policy in force does not name: only another policy can help.
    stranded: bool,
    work: Work,
    effects: VecDeque<Effect>,
    /// The blob that is being written.
    storing: Option<&'static str>,
    notices: Vec<Notice>,
}

/// A host that never takes notices must not grow them without bound.
const NOTICES_MAX: usize = 64;
/// An announced policy is fetched within this time, spread over the fleet.
const ANNOUNCED_WITHIN_MS: u64 = 60_000;
/// Storage that fails this often is given up: the phone enrols anew and goes on in memory.
const LOADS_MAX: u32 = 3;

impl Machine {
    /// A machine that has not looked at anything yet. `variables` are the policy's variables on this phone.
    #[must_use]
    pub fn new(settings: Arc<Settings>, variables: Variables) -> Self {
        Self {
            kept: Kept {
                since: settings.root_version,
                ..Kept::default()
            },
            etag: None,
            settings,
            variables,
            clock: ServerClock::default(),
            floor: None,
            loaded: false,
            policy_floor: PolicyAge::default(),
            policy: None,
            policy_fetches: 0,
            key: None,
            registration: None,
            session: None,
            sessions: 0,
            judged: Judged::default(),
            wants: Wants::default(),
            second_try: false,
            loading: Lane::default(),
            fetching: Lane::default(),
            joining: Lane::default(),
            stranded: false,
            work: Work::Idle,
            effects: VecDeque::new(),
            storing: None,
            notices: Vec::new(),
        }
    }

    /// The next thing to do now; `None` while one is under way, and until [`Self::wake_at`].
    pub fn poll(&mut self, now: Now) -> Option<Effect> {
        if self.effects.is_empty() && matches!(self.work, Work::Idle) {
            self.plan(now);
        }
        let effect = self.effects.pop_front();
        if let Some(Effect::Store(blob, _)) = &effect {
            self.storing = Some(blob);
        }
        effect
    }

    /// Takes in what became of an effect. An answer that nobody waits for changes nothing.
    pub fn answer(&mut self, event: Event, now: Now, rng: &dyn SecureRandom) {
        if let Event::Stored(blob, stored) = event {
            self.storing = None;
            if stored.is_err() {
                self.note(Notice::NotStored { blob });
            }
            return;
        }
        let work = std::mem::take(&mut self.work);
        match (work, event) {
            (Work::Loading, Event::Loaded(loaded)) => self.on_loaded(loaded, now, rng),
            (Work::Fetching, Event::Replied(reply)) => self.on_policy(reply, now, rng),
            (Work::Resuming, Event::Accepted(accepted)) => self.on_resumed(*accepted),
            (Work::Accepting, Event::Accepted(accepted)) => self.on_accepted(*accepted, now, rng),
            (Work::Rescanning, Event::Judged(judged)) => self.on_judged(judged),
            (Work::Challenging(purpose), Event::Replied(reply)) => {
                self.on_challenge(purpose, reply, now, rng)
            }
            (Work::Scanning(answering), Event::Judged(judged)) => {
                self.on_judged(judged);
                self.on_scanned(answering, now, rng);
            }
            (Work::Generating(answering), Event::KeyMade(made)) => self.on_key(answering, made, now, rng),
            (Work::Signing(signing), Event::Signed(signed)) => self.on_signed(*signing, signed, now, rng),
            (Work::Vouching(presented), Event::Vouched(vouched)) => {
                self.on_vouched(presented, vouched, now, rng)
            }
            (Work::Presenting(presented), Event::Replied(reply)) => {
                self.on_answer(*presented, reply, now, rng)
            }
            (work, _) => self.work = work,
        }
    }

    /// Whoever carried out the effects is gone: what was under way begins again when it is next asked for.
    pub fn abandon(&mut self) {
        self.work = Work::Idle;
        self.effects.retain(|effect| matches!(effect, Effect::Store(..)));
        match self.storing.take() {
            Some(STATE_BLOB) => self.store_state(),
            Some(_) => self.store_policy(),
            None => {}
        }
    }

    /// Whether something that must outlive the process is not written yet.
    pub(crate) fn is_writing(&self) -> bool {
        self.storing.is_some()
            || self
                .effects
                .iter()
                .any(|effect| matches!(effect, Effect::Store(..)))
    }

    /// When [`Self::poll`] has something to do again, on the monotonic clock.
    #[must_use]
    pub fn wake_at(&self, now: Now) -> u64 {
        let rested = |lane: &Lane, due_ms: u64| due_ms.max(lane.until_ms()).max(now.monotonic_ms);
        if !self.loaded {
            return rested(&self.loading, 0);
        }
        if self.policy.is_none() {
            return rested(&self.fetching, 0);
        }
        if self.is_writing() {
            return now.monotonic_ms;
        }
        let join_ms = rested(&self.joining, self.join_due_ms(now));
        let fetch_ms = self
            .fetch_due_ms()
            .map_or(u64::MAX, |due_ms| rested(&self.fetching, due_ms));
        let scan_ms = if self.wants.scan {
            now.monotonic_ms
        } else {
            u64::MAX
        };
        join_ms.min(fetch_ms).min(scan_ms)
    }

    /// A reply carried `Attest-Policy: <version>`. A newer policy is fetched within a minute.
    pub fn policy_announced(&mut self, version: u64, now: Now, rng: &dyn SecureRandom) {
        let held = self.policy.as_ref().map_or(0, ActivePolicy::version);
        if version > held && self.wants.policy_at_ms.is_none() {
            self.wants.policy_at_ms = Some(now.after_ms(jitter_ms(ANNOUNCED_WITHIN_MS, rng)));
        }
    }

    /// The network may be back: nothing rests any longer.
    pub const fn connectivity_restored(&mut self) {
        self.loading.forget_rest();
        self.fetching.forget_rest();
        self.joining.forget_rest();
    }

    /// The device key cannot be used any more: the next session begins with a new one.
    pub fn key_gone(&mut self) {
        self.lose_registration(KeyError::Gone.code());
    }

    /// Forgets the registration and the session: the phone is as if newly installed. The host removes key and state.
    pub fn forget(&mut self) {
        self.abandon();
        self.effects.clear();
        self.key = None;
        self.registration = None;
        self.session = None;
    }

    /// What has happened since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Chooses the next piece of work.
    fn plan(&mut self, now: Now) {
        if !self.loaded {
            if self.loading.is_ready(now) {
                self.begin(Work::Loading, Effect::Load);
            }
            return;
        }
        let fetch_is_due = self.policy.is_none() || self.wants.policy;
        if fetch_is_due && self.fetching.is_ready(now) {
            return self.begin_fetch();
        }
        if self.policy.is_none() {
            return;
        }
        if self.join_due_ms(now) <= now.monotonic_ms && self.joining.is_ready(now) {
            self.begin_join(now);
        } else if self
            .fetch_due_ms()
            .is_some_and(|due_ms| due_ms <= now.monotonic_ms)
            && self.fetching.is_ready(now)
        {
            self.begin_fetch();
        } else if let Some(scan) = self.scan(now).filter(|_| self.wants.scan) {
            self.begin(Work::Rescanning, Effect::Observe(scan));
        }
    }

    /// When a session must be begun; 0 if there is none that works.
    fn join_due_ms(&self, now: Now) -> u64 {
        match &self.session {
            Some(live) if !self.wants.renewal && !self.wants.enrolment && self.is_usable(live, now) => {
                live.renew_at_ms
            }
            _ => 0,
        }
    }

    fn fetch_due_ms(&self) -> Option<u64> {
        if self.wants.policy {
            Some(0)
        } else {
            self.wants.policy_at_ms
        }
    }

    fn begin(&mut self, work: Work, effect: Effect) {
        self.work = work;
        self.effects.push_back(effect);
    }

    fn note(&mut self, notice: Notice) {
        if self.notices.len() < NOTICES_MAX {
            self.notices.push(notice);
        }
    }

    fn fail_joining(&mut self, failure: Failure, now: Now, rng: &dyn SecureRandom) {
        self.second_try = false;
        let again_in_ms = self.joining.fail(failure.clone(), now, rng);
        self.note(Notice::Failed { failure, again_in_ms });
    }

    /// A scan by the active policy; `None` before the first.
    fn scan(&self, now: Now) -> Option<Scan> {
        let policy = self.policy.as_ref()?;
        Some(Scan::by(Arc::clone(&policy.compiled), self.policy_is_stale(now)))
    }

    fn on_judged(&mut self, judged: Judged) {
        self.wants.scan &= self
            .policy
            .as_ref()
            .is_some_and(|policy| policy.version() != judged.policy_version);
        self.note(judged.notice());
        self.judged = judged;
    }

    fn lose_registration(&mut self, code: &'static str) {
        self.key = None;
        self.session = None;
        if self.registration.take().is_some() {
            self.note(Notice::RegistrationLost { code });
            self.store_state();
        }
    }

    fn store_policy(&mut self) {
        let record = PolicyRecord::new(&self.settings.scope, &self.kept, self.etag.as_deref());
        self.effects
            .push_back(Effect::Store(POLICY_BLOB, record::write(&record)));
    }

    fn store_state(&mut self) {
        let record = StateRecord::new(
            &self.settings.scope,
            self.registration.clone(),
            self.policy_floor,
            self.clock.anchor(),
            self.floor,
        );
        self.effects
            .push_back(Effect::Store(STATE_BLOB, record::write(&record)));
    }
}
