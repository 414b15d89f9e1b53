//! What is counted: by each core for itself, without a lock or a shared cache line on the request path, and summed when
//! somebody asks.
//!
//! Labels are routes, codes, upstreams and listeners: words of the operator's own files and of this program. Nothing that a
//! client chooses ever becomes one.

mod collect;
mod histogram;
mod page;
mod process;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use attest_core::problem::ProblemCode;
use attest_core::support_code::NameHash;

pub use self::collect::scrape;
pub use self::histogram::Histogram;
use crate::policy::ActivePolicy;
use crate::policy::repository::Verdict;
use crate::refusal::Refusal;
use crate::tally::{Passed, Tally};

/// Everything that a gateway process counts.
#[derive(Debug)]
pub struct Metrics {
    cores: Mutex<Vec<Arc<CoreMetrics>>>,
    upstreams: Vec<String>,
    started_at_s: u64,
    policy_since_s: AtomicU64,
    policy_refused: AtomicU64,
    /// Verdicts on offered policies and brakes, by verdict and code, both from closed sets.
    policy_verdicts: Mutex<BTreeMap<(&'static str, String), u64>>,
    admin_tls: TlsMetrics,
    /// Calls of the admin listener by operation and status.
    admin: Mutex<BTreeMap<(&'static str, u16), u64>>,
}

/// What one core counts.
#[derive(Debug)]
pub struct CoreMetrics {
    /// What was decided.
    pub tally: Tally,
    /// From a request's head to its response's head.
    pub requests: Histogram,
    upstreams: Vec<UpstreamMetrics>,
    /// Refused before any route was found.
    unrouted: Codes,
    /// Of the policy in force; a route that is gone takes its counts with it.
    routes: Mutex<Vec<Arc<RouteMetrics>>>,
}

/// What one core counts of one route.
#[derive(Debug)]
pub struct RouteMetrics {
    id: String,
    hash: NameHash,
    /// Allowed, unattested, public.
    admitted: [AtomicU64; 3],
    refused: Codes,
}

/// What one core counts of one upstream.
#[derive(Debug)]
pub struct UpstreamMetrics {
    name: String,
    /// From the sending of a request to its response's head.
    pub responses: Histogram,
    /// By the first digit of the status.
    classes: [AtomicU64; 5],
    /// Failures are rare, and their codes are few.
    errors: Mutex<BTreeMap<&'static str, u64>>,
}

/// What is counted of one listener's TLS.
#[derive(Debug, Default)]
pub struct TlsMetrics {
    handshakes_failed: AtomicU64,
    /// Zero while there is no certificate.
    expires_at_s: AtomicU64,
}

/// One counter for each code.
#[derive(Debug)]
struct Codes(Box<[AtomicU64]>);

impl Metrics {
    /// Nothing counted, for these upstreams.
    #[must_use]
    pub fn new(upstreams: Vec<String>, now_s: u64) -> Self {
        Self {
            cores: Mutex::default(),
            upstreams,
            started_at_s: now_s,
            policy_since_s: AtomicU64::new(now_s),
            policy_refused: AtomicU64::new(0),
            policy_verdicts: Mutex::default(),
            admin_tls: TlsMetrics::default(),
            admin: Mutex::default(),
        }
    }

    /// Counters for one more core.
    #[must_use]
    pub fn join(&self) -> Arc<CoreMetrics> {
        let of_upstream = |name: &String| UpstreamMetrics {
            name: name.clone(),
            responses: Histogram::default(),
            classes: Default::default(),
            errors: Mutex::default(),
        };
        let core = Arc::new(CoreMetrics {
            tally: Tally::default(),
            requests: Histogram::default(),
            upstreams: self.upstreams.iter().map(of_upstream).collect(),
            unrouted: Codes::new(),
            routes: Mutex::default(),
        });
        locked(&self.cores).push(Arc::clone(&core));
        core
    }

    /// Notes that a policy was put into force.
    pub(crate) fn policy_activated(&self, now_s: u64) {
        self.policy_since_s.store(now_s, Relaxed);
    }

    /// Counts a policy file that was refused.
    pub(crate) fn policy_refused(&self) {
        self.policy_refused.fetch_add(1, Relaxed);
    }

    /// Counts a verdict.
    pub(crate) fn policy_judged(&self, verdict: &Verdict) {
        let key = (verdict.verdict.as_str(), verdict.code.clone());
        *locked(&self.policy_verdicts).entry(key).or_default() += 1;
    }

    /// Since when the policy is in force in this process, Unix seconds.
    #[must_use]
    pub fn policy_since_s(&self) -> u64 {
        self.policy_since_s.load(Relaxed)
    }

    /// When this process began to count, Unix seconds.
    #[must_use]
    pub const fn started_at_s(&self) -> u64 {
        self.started_at_s
    }

    /// TLS of the listener for operators.
    #[must_use]
    pub const fn admin_tls(&self) -> &TlsMetrics {
        &self.admin_tls
    }

    /// Counts an answer of the admin listener.
    pub(crate) fn admin_answered(&self, operation: &'static str, status: u16) {
        *locked(&self.admin).entry((operation, status)).or_default() += 1;
    }

    /// Adds what all cores counted to `sum`.
    pub(crate) fn add_tallies(&self, sum: &Tally) {
        for core in self.cores() {
            core.tally.add_to(sum);
        }
    }

    fn cores(&self) -> Vec<Arc<CoreMetrics>> {
        locked(&self.cores).clone()
    }
}

impl CoreMetrics {
    /// Counters for the routes of `policy` in its order; those of a route that stays go on.
    pub(crate) fn routes_of(&self, policy: &ActivePolicy) -> Vec<Arc<RouteMetrics>> {
        let mut known = locked(&self.routes);
        let routes: Vec<_> = policy
            .compiled()
            .routes()
            .iter()
            .map(|route| {
                let id = &route.route().id;
                let kept = known.iter().find(|known| known.id == *id);
                kept.map_or_else(|| Arc::new(RouteMetrics::new(id)), Arc::clone)
            })
            .collect();
        known.clone_from(&routes);
        routes
    }

    /// Counts a refusal, under its route if it has one.
    pub(crate) fn refused(&self, refusal: &Refusal) {
        self.tally.refuse(refusal.code);
        let route = if refusal.route.is_none() {
            None
        } else {
            let routes = locked(&self.routes);
            routes.iter().find(|route| route.hash == refusal.route).cloned()
        };
        match route {
            Some(route) => route.refused.count(refusal.code),
            None => self.unrouted.count(refusal.code),
        }
    }

    /// The upstream of this name.
    #[must_use]
    pub fn upstream(&self, name: &str) -> Option<&UpstreamMetrics> {
        self.upstreams.iter().find(|upstream| upstream.name == name)
    }
}

impl RouteMetrics {
    fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            hash: NameHash::of(id),
            admitted: Default::default(),
            refused: Codes::new(),
        }
    }

    /// Counts a request that was let pass.
    pub fn admitted(&self, passed: Passed) {
        let [allowed, unattested, public] = &self.admitted;
        match passed {
            Passed::Allowed => allowed.fetch_add(1, Relaxed),
            Passed::Unattested => unattested.fetch_add(1, Relaxed),
            Passed::Public => public.fetch_add(1, Relaxed),
            // These say more about a request that was counted already, or concern none.
            Passed::Shadow | Passed::Enrolled | Passed::Renewed | Passed::Upgraded => 0,
        };
    }
}

impl UpstreamMetrics {
    /// Counts a response by its status.
    pub fn answered(&self, status: http::StatusCode) {
        let class = usize::from(status.as_u16() / 100).wrapping_sub(1);
        if let Some(counter) = self.classes.get(class) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// Counts a failure by its code.
    pub fn failed(&self, code: &'static str) {
        *locked(&self.errors).entry(code).or_default() += 1;
    }
}

impl TlsMetrics {
    /// Counts a handshake that failed.
    pub fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Relaxed);
    }

    /// Notes when the listener's certificate expires, the first one if there are several; Unix seconds.
    pub fn certificate_expires(&self, at_s: u64) {
        self.expires_at_s.store(at_s, Relaxed);
    }
}

impl Codes {
    fn new() -> Self {
        Self(ProblemCode::ALL.iter().map(|_| AtomicU64::new(0)).collect())
    }

    fn count(&self, code: ProblemCode) {
        if let Some(counter) = self.0.get(usize::from(code.number())) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// Every code that was counted, with its count.
    fn counted(&self) -> impl Iterator<Item = (ProblemCode, u64)> {
        let counts = ProblemCode::ALL.iter().zip(&self.0);
        counts
            .map(|(code, counter)| (*code, counter.load(Relaxed)))
            .filter(|(_, count)| *count > 0)
    }
}

/// Counters are whole whatever a thread that held them did.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
