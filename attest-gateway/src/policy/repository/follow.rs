//! What a followed repository leads to: takes what was verified, puts it into force or says why not, and never goes back.
//!
//! Versions of metadata guard through the mirror, the policy's own version once more. A brake is judged apart from the policy:
//! a bad one never stops it, and a bad policy never keeps a brake from the one in force.

use std::path::PathBuf;
use std::sync::Arc;

use attest_core::environment::Environment;
use attest_policy::repository::BRAKE_TARGET;
use serde::Deserialize;

use super::super::status::{FollowStatus, InForce, PolicyStatus};
use super::brake::{Applied, BrakeRejectedError};
use super::candidate::{Bench, RejectedError};
use super::mirror::Mirror;
use super::news::{Heard, News};
use super::refresh::{Offer, RefreshError, Walk};
use super::source::Source;
use super::standing::Standing;
use super::verdict::{Answer, Subject, Verdict};
use crate::clock::{Clock, Moment};
use crate::keys::Keys;

/// What following a repository is made from.
#[derive(Debug)]
pub(crate) struct FollowOptions {
    /// The bytes of the root that the configuration names.
    pub(crate) root: Vec<u8>,
    /// Where the store is.
    pub(crate) state_folder: PathBuf,
    /// The gateway's.
    pub(crate) environment: Environment,
    /// Those that routes may name.
    pub(crate) upstreams: Vec<String>,
    /// The gateway's keys.
    pub(crate) keys: Arc<Keys>,
    /// The gateway's time.
    pub(crate) clock: Arc<dyn Clock>,
    /// The longest that one refresh may take.
    pub(crate) longest_ms: u64,
}

impl FollowOptions {
    pub(super) const fn walk<'a>(&'a self, mirror: &'a Mirror, keeps: bool, now_s: u64) -> Walk<'a> {
        Walk {
            root: self.root.as_slice(),
            mirror,
            keeps,
            now_s,
            longest_ms: self.longest_ms,
        }
    }

    pub(super) fn bench(&self) -> Bench<'_> {
        Bench {
            environment: self.environment,
            upstreams: &self.upstreams,
            keys: &self.keys,
        }
    }

    fn noticed(&self, source: &'static str) -> Noticed {
        Noticed {
            now: Moment::of(&*self.clock),
            source,
        }
    }

    fn verdict(&self, noticed: Noticed, subject: Subject, verdict: Answer, code: &str) -> Verdict {
        let now = Moment::of(&*self.clock);
        Verdict {
            verdict,
            subject,
            version: None,
            metadata: None,
            code: code.to_owned(),
            reason: String::new(),
            source: noticed.source.to_owned(),
            at_s: now.wall_s,
            took_ms: now.monotonic_ms.saturating_sub(noticed.now.monotonic_ms),
        }
    }
}

/// When something was noticed, and where.
#[derive(Debug, Clone, Copy)]
struct Noticed {
    now: Moment,
    source: &'static str,
}

/// What a look at a source came to.
#[derive(Debug)]
pub(crate) struct Refreshed {
    /// About the policy.
    pub(crate) policy: Verdict,
    /// About a brake, if one was judged.
    pub(crate) brake: Option<Verdict>,
    /// Those of both that tell something new.
    pub(crate) news: Vec<Verdict>,
}

impl Refreshed {
    /// Whether all of it was taken.
    pub(crate) fn is_sound(&self) -> bool {
        let mut verdicts = std::iter::once(&self.policy).chain(&self.brake);
        verdicts.all(|verdict| verdict.verdict == Answer::Ack)
    }
}

/// The state of following a repository. One thread owns it.
#[derive(Debug)]
pub(crate) struct Follower {
    options: FollowOptions,
    mirror: Mirror,
    in_force: Arc<InForce>,
    standing: Standing,
    news: News,
    last_ack: Option<Verdict>,
    last_nack: Option<Verdict>,
    /// Verdicts that nobody was told yet.
    untold: Vec<Verdict>,
}

impl Follower {
    /// Puts the policy of the mirror into force; without a mirror that can be used, that of the source.
    ///
    /// # Errors
    /// The reasons as a sentence, when neither can be put into force.
    pub(crate) async fn open(
        options: FollowOptions,
        source: &Source,
    ) -> Result<(Self, Arc<InForce>), String> {
        let mirror = Mirror::beside(&options.state_folder);
        let (kept, mut untold) = kept(&options, &mirror).await;
        let first = kept.is_none();
        let noticed = options.noticed(source.name());
        let standing = match kept {
            Some(standing) => standing,
            None => {
                let walked = options
                    .walk(&mirror, true, noticed.now.wall_s)
                    .through(source)
                    .await;
                let offer = walked.map_err(RejectedError::from);
                let taken = offer.and_then(|offer| {
                    let active = options.bench().newer(&offer, None)?;
                    mirror.replace(&offer.repository).map_err(RefreshError::NotKept)?;
                    Ok(Standing::new(offer, active, Vec::new()))
                });
                taken.map_err(|error| {
                    let refused = untold.iter().map(|verdict| verdict.reason.clone());
                    let last = format!("{error} [{}]", error.code());
                    refused.chain([last]).collect::<Vec<_>>().join("; ")
                })?
            }
        };
        if first {
            let ack = options.verdict(noticed, Subject::Policy, Answer::Ack, "activated");
            untold.push(Verdict {
                version: Some(standing.whole.version()),
                metadata: Some(standing.versions),
                ..ack
            });
        }
        let in_force = Arc::new(InForce::new(Arc::clone(&standing.whole)));
        let mut follower = Self {
            options,
            mirror,
            in_force: Arc::clone(&in_force),
            standing,
            news: News::default(),
            last_ack: None,
            last_nack: None,
            untold,
        };
        for verdict in std::mem::take(&mut follower.untold) {
            let news = follower.tell(verdict);
            follower.untold.extend(news);
        }
        let kept = follower.standing.repository.artifacts.get(BRAKE_TARGET).cloned();
        if let Some(bytes) = kept {
            let judged = follower.judge(&bytes, noticed);
            // One that ended while the gateway was away is no news.
            let judged = judged.filter(|verdict| verdict.code != "brake-expired");
            let news = judged.and_then(|verdict| follower.tell(verdict));
            follower.untold.extend(news);
        }
        follower.show(None);
        Ok((follower, in_force))
    }

    /// Reads the source and takes what is new in it. Cancelled at any point, what was verified until then is kept.
    pub(crate) async fn refresh(&mut self, source: &Source) -> Refreshed {
        let noticed = self.options.noticed(source.name());
        let offer = self
            .options
            .walk(&self.mirror, true, noticed.now.wall_s)
            .through(source)
            .await;
        let offer = offer.and_then(|offer| self.standing.precedes(offer));
        // No await from here on: an offer is considered whole or not at all.
        self.consider(offer, noticed)
    }

    /// Ends a brake whose time is over.
    pub(crate) fn tick(&mut self) -> Option<Verdict> {
        let noticed = self.options.noticed("mirror");
        self.standing
            .brake
            .as_ref()
            .filter(|applied| applied.is_over(noticed.now))?;
        self.standing.release();
        let verdict = self.ack(noticed, Subject::Brake, "brake-off");
        let told = self.tell(verdict);
        self.show(self.in_force.status().problem.clone());
        told
    }

    /// Follows with these keys from now on.
    ///
    /// # Errors
    /// The reason as a sentence, if phones would refuse what they sign; nothing was changed.
    pub(crate) fn take_keys(&mut self, keys: Arc<Keys>) -> Result<(), String> {
        let bench = Bench {
            keys: &keys,
            ..self.options.bench()
        };
        let device = self.standing.repository.artifacts.get("device.json");
        bench
            .knows_own_key(device.map_or(&[], Vec::as_slice))
            .map_err(|error| error.to_string())?;
        self.options.keys = keys;
        Ok(())
    }

    /// Verdicts from before anybody could be told.
    pub(crate) fn take_untold(&mut self) -> Vec<Verdict> {
        std::mem::take(&mut self.untold)
    }

    fn consider(&mut self, offer: Result<Offer, RefreshError>, noticed: Noticed) -> Refreshed {
        let mut problem = None;
        let outcome = match &offer {
            Ok(offer) => self.policy(offer),
            Err(error) => Err(RejectedError::Refresh(error.clone())),
        };
        let verdict = match outcome {
            Ok(code) => self.ack(noticed, Subject::Policy, code),
            Err(error) => {
                let nack = self
                    .options
                    .verdict(noticed, Subject::Policy, Answer::Nack, error.code());
                problem = Some(error.to_string());
                Verdict {
                    version: offer.as_ref().ok().and_then(version_of),
                    metadata: offer.as_ref().ok().map(|offer| offer.versions),
                    reason: error.to_string(),
                    ..nack
                }
            }
        };
        let mut news: Vec<_> = self.tell(verdict.clone()).into_iter().collect();
        let brake = offer
            .as_ref()
            .ok()
            .and_then(|offer| self.offered_brake(offer, noticed));
        if let Some(verdict) = &brake {
            if verdict.verdict == Answer::Nack {
                problem.get_or_insert_with(|| format!("brake: {}", verdict.reason));
            }
            news.extend(self.tell(verdict.clone()));
        }
        self.show(problem);
        Refreshed {
            policy: verdict,
            brake,
            news,
        }
    }

    /// Puts the policy of an offer into force, or the newer metadata of the one that is; says which.
    fn policy(&mut self, offer: &Offer) -> Result<&'static str, RejectedError> {
        let same = self.standing.is_of(offer);
        if same && self.standing.repository == offer.repository {
            return Ok("unchanged");
        }
        let bench = self.options.bench();
        let (active, warnings) = if same {
            bench.again(offer)?
        } else {
            (bench.newer(offer, self.standing.guarded(offer))?, Vec::new())
        };
        // Kept before it acts: after a crash in between, the newer one is found again.
        self.mirror
            .replace(&offer.repository)
            .map_err(RefreshError::NotKept)?;
        self.standing.take(offer, active, warnings, same);
        Ok(if same { "metadata" } else { "activated" })
    }

    /// Judges the brake of an offer, unless it was judged already; the verdict if there may be news.
    fn offered_brake(&mut self, offer: &Offer, noticed: Noticed) -> Option<Verdict> {
        if let Err(error) = &offer.brake {
            return Some(self.refused(noticed, &BrakeRejectedError::Refresh(error.clone())));
        }
        match offer.repository.artifacts.get(BRAKE_TARGET) {
            Some(bytes) if self.standing.has_judged(bytes) => None,
            Some(bytes) => self.judge(bytes, noticed),
            None => {
                self.standing.forget_judged();
                self.news.forget(Subject::Brake);
                let released = self.standing.release();
                released.then(|| self.ack(noticed, Subject::Brake, "brake-off"))
            }
        }
    }

    fn judge(&mut self, brake: &[u8], noticed: Noticed) -> Option<Verdict> {
        let before = self.standing.brake.is_some();
        match self.standing.brake(brake, noticed.now) {
            Ok(true) => Some(self.ack(noticed, Subject::Brake, "brake-on")),
            Ok(false) => before.then(|| self.ack(noticed, Subject::Brake, "brake-off")),
            Err(error) => Some(self.refused(noticed, &error)),
        }
    }

    fn refused(&self, noticed: Noticed, error: &BrakeRejectedError) -> Verdict {
        let nack = self
            .options
            .verdict(noticed, Subject::Brake, Answer::Nack, error.code());
        Verdict {
            version: Some(self.standing.whole.version()),
            reason: error.to_string(),
            ..nack
        }
    }

    fn ack(&self, noticed: Noticed, subject: Subject, code: &str) -> Verdict {
        Verdict {
            version: Some(self.standing.whole.version()),
            metadata: Some(self.standing.versions),
            ..self.options.verdict(noticed, subject, Answer::Ack, code)
        }
    }

    /// The verdict, if it is news.
    fn tell(&mut self, verdict: Verdict) -> Option<Verdict> {
        let heard = self.news.hear(&verdict, self.options.clock.monotonic_ms());
        if heard == Heard::Again {
            return None;
        }
        match verdict.verdict {
            Answer::Nack => self.last_nack = Some(verdict.clone()),
            // No news, and hides none.
            Answer::Ack if verdict.code == "unchanged" => {}
            Answer::Ack => self.last_ack = Some(verdict.clone()),
        }
        (heard == Heard::News).then_some(verdict)
    }

    /// Puts what stands into force for the request cores, and shows it to operators.
    fn show(&mut self, problem: Option<String>) {
        self.in_force.put(self.standing.settle());
        self.in_force.tell(PolicyStatus {
            active_version: self.standing.whole.version(),
            problem,
            warnings: self.standing.warnings.clone(),
            followed: Some(FollowStatus {
                digest: self.standing.digest,
                metadata: self.standing.versions,
                metadata_expires_at_s: self.standing.expires_s,
                brake: self.standing.brake.as_ref().map(Applied::status),
                last_ack: self.last_ack.clone(),
                last_nack: self.last_nack.clone(),
            }),
        });
    }
}

/// What the mirror holds, verified like any other source but for its expiry: what was in force stays in force. Beside it what
/// is to be told, if it cannot be used.
async fn kept(options: &FollowOptions, mirror: &Mirror) -> (Option<Standing>, Vec<Verdict>) {
    if !mirror.is_there() {
        return (None, Vec::new());
    }
    let noticed = options.noticed("mirror");
    let walked = options.walk(mirror, false, 0).through(&mirror.source()).await;
    let standing = walked.map_err(RejectedError::from).and_then(|offer| {
        let (active, warnings) = options.bench().again(&offer)?;
        Ok(Standing::new(offer, active, warnings))
    });
    match standing {
        Ok(standing) => (Some(standing), Vec::new()),
        Err(error) => {
            let nack = options.verdict(noticed, Subject::Policy, Answer::Nack, "policy-mirror-corrupt");
            let reason = format!(
                "{}: the gateway's own copy of the policy cannot be used: {error} [{}]",
                mirror.folder().display(),
                error.code()
            );
            (None, vec![Verdict { reason, ..nack }])
        }
    }
}

/// The version that an offered policy says it has.
fn version_of(offer: &Offer) -> Option<u64> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let read = serde_json::from_slice::<Versioned>(offer.target("gateway.json"));
    read.ok().map(|versioned| versioned.version)
}
