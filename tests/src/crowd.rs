//! Genuine phones at work: each sends one request after the other, payments with their tokens for one use included, and tallies
//! what its user would see.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use attest_mobile::Headers;
use attest_testkit::phone::Phone;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Failures kept in words; the others are only counted.
const FAILURES_KEPT: usize = 20;

/// What users saw.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Requests that were answered by the backend.
    pub answered: u64,
    /// Of those, the ones that the SDK had to send more than once.
    pub followed: u64,
    /// Requests that were not.
    pub failed: u64,
    /// The first failures.
    pub failures: Vec<String>,
    /// When the last failure's request began.
    pub last_failure: Option<Instant>,
    /// How long each answered request took.
    pub latencies: Vec<Duration>,
}

impl Tally {
    /// The latency that this share of requests did not exceed, `percent` of 100.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(index).copied().unwrap_or_default()
    }

    /// Adds another tally.
    pub fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.followed += other.followed;
        self.failed += other.failed;
        self.last_failure = self.last_failure.max(other.last_failure);
        self.latencies.extend(other.latencies);
        self.failures.extend(other.failures);
        self.failures.truncate(FAILURES_KEPT);
    }

    /// Asserts that no user saw a failure, and that there were users.
    pub fn assert_unharmed(&self) {
        assert_eq!(self.failed, 0, "{:?}", self.failures);
        assert!(self.answered > 0, "nobody sent anything");
    }

    /// Asserts that no user saw a failure of what was sent from `begun` on.
    pub fn assert_unharmed_since(&self, begun: Instant) {
        let late = self.last_failure.is_some_and(|failed| failed >= begun);
        assert!(!late, "{:?}", self.failures);
    }
}

#[derive(Debug, Default)]
struct State {
    tally: Mutex<Tally>,
    progress: Notify,
    ended: AtomicBool,
}

/// Phones at work.
#[derive(Debug)]
pub struct Crowd {
    state: Arc<State>,
    phones: JoinSet<()>,
}

impl Crowd {
    /// Puts each phone to work, with a pause from one request to the next; each at a time of its own, as users are.
    #[must_use]
    pub fn start(phones: Vec<Phone>, pause: Duration) -> Self {
        let state = Arc::new(State::default());
        let mut crowd = JoinSet::new();
        let among = u32::try_from(phones.len()).unwrap_or(1).max(1);
        for (number, phone) in (0..).zip(phones) {
            let pace = Pace::new(pause, pause * number / among);
            crowd.spawn(work(phone, number, pace, Arc::clone(&state)));
        }
        Self { state, phones: crowd }
    }

    /// Takes the tally since the last look.
    pub fn take(&self) -> Tally {
        std::mem::take(&mut *self.state.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until `more` further requests were answered.
    pub async fn answered(&self, more: u64) {
        let answered = || {
            let tally = self.state.tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.answered
        };
        let goal = answered() + more;
        loop {
            let progress = self.state.progress.notified();
            if answered() >= goal {
                return;
            }
            progress.await;
        }
    }

    /// Lets each phone finish its request, and returns the tally since the last look.
    pub async fn rests(mut self) -> Tally {
        self.state.ended.store(true, Ordering::Relaxed);
        while self.phones.join_next().await.is_some() {}
        self.take()
    }
}

/// When a phone sends.
struct Pace(Option<Interval>);

impl Pace {
    fn new(pause: Duration, offset: Duration) -> Self {
        if pause.is_zero() {
            return Self(None);
        }
        let mut turns = interval_at(Instant::now() + offset, pause);
        turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self(Some(turns))
    }

    async fn turn(&mut self) {
        if let Some(turns) = &mut self.0 {
            turns.tick().await;
        }
    }
}

async fn work(phone: Phone, number: u32, mut pace: Pace, state: Arc<State>) {
    let _fresh = phone.keep_fresh();
    let headers: Headers = vec![("authorization".to_owned(), format!("Bearer customer-{number}"))];
    let mut requests = number;
    while !state.ended.load(Ordering::Relaxed) {
        requests += 1;
        pace.turn().await;
        let begun = Instant::now();
        let sent = match requests % 4 {
            0 => {
                phone
                    .send("POST", "/v1/login", &headers, b"{\"user\":\"a\"}")
                    .await
            }
            1 => {
                phone
                    .send("POST", "/v1/payments?to=DE02", &headers, b"{\"amount\":\"1.00\"}")
                    .await
            }
            _ => phone.send("GET", "/v1/balance?currency=EUR", &headers, b"").await,
        };
        let took = begun.elapsed();
        {
            let mut tally = state.tally.lock().unwrap_or_else(PoisonError::into_inner);
            match sent {
                Ok(sent) if sent.reply.status == 200 => {
                    tally.answered += 1;
                    tally.followed += u64::from(sent.sends > 1);
                    tally.latencies.push(took);
                }
                outcome => {
                    tally.failed += 1;
                    tally.last_failure = tally.last_failure.max(Some(begun));
                    if tally.failures.len() < FAILURES_KEPT {
                        let words = match outcome {
                            Ok(sent) => format!("{} {:?}", sent.reply.status, sent.refusal),
                            Err(error) => error.to_string(),
                        };
                        tally.failures.push(words);
                    }
                }
            }
        }
        state.progress.notify_waiters();
    }
}
