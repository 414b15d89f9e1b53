//! The chapter about policy over the air: a cloner app that did not exist when the app was released is caught by data alone, on phones
//! that are in use, and let go again without the admins who signed it.

use std::time::Duration;

use attest_core::device::Platform;
use attest_core::policy::Mode;
use attest_testkit::phone::Phone;
use attest_testkit::policy::PolicySettings;
use attest_testkit::profile::Profile;
use attest_testkit::world::World;
use serde::Serialize;

use super::cast::Cast;
use super::chapters::{PATIENCE, pause, pay, phone};
use super::expectation::Expectations;
use super::forgers::Forgers;
use super::timeline::Timeline;
use crate::clock::Stopwatch;

/// Phones in which somebody runs the new cloner.
const PHONES: usize = 20;
/// Payments of each phone while a tenth of them is denied.
const ROUNDS: usize = 3;
/// How long the brake holds, in seconds.
const BRAKE_S: u64 = 4 * 3600;
/// The rule that is staged.
const RULE: &str = "halcyon-on-payments";
/// What the cloner cannot hide.
const DETECTOR: &str = "{id: clone.halcyon, platform: android, category: cloner, severity: medium, \
     why: The Halcyon cloner pumps its guests' messages in a thread of its own., \
     when: {fact: proc.threads, op: any_prefix, value: halcyon-}}";

macro_rules! rule {
    ($stage:literal) => {
        concat!(
            "- id: halcyon-on-payments\n    routes: [payments]\n    ",
            "why: Halcyon is sold with scripts that farm accounts.\n    ",
            "when: {fact: findings.hit, op: any_eq, value: clone.halcyon}\n    then: deny\n    ",
            $stage
        )
    };
}

/// One step of the roll-out.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    /// `shadow`, `ten-percent`, `enforce` or `brake`.
    pub(super) step: &'static str,
    /// From publication to its being in force at the gateway; `null` if it never was.
    pub(super) gateway_ms: Option<u64>,
    /// From publication to the first phone's request that was decided by it.
    pub(super) first_phone_ms: Option<u64>,
    /// The same of the last phone: each sends when its turn comes.
    pub(super) last_phone_ms: Option<u64>,
    /// Phones in the cloner that it concerned, of all of them.
    pub(super) concerned: usize,
    /// All of them.
    pub(super) phones: usize,
}

/// Where the phones in the cloner and the gateway stand.
struct Stage<'a> {
    world: &'a World,
    cast: &'a Cast,
    phones: Vec<Phone>,
}

/// Plays the chapter. Forgers try their luck before and after each step.
pub(super) async fn play(
    world: &World,
    cast: &Cast,
    timeline: &Timeline,
    expectations: &mut Expectations,
) -> Result<Vec<Step>, String> {
    let phones = (0..PHONES).map(|_| phone(world, Platform::Android, Profile::NewCloner));
    let stage = Stage {
        world,
        cast,
        phones: phones.collect::<Result<_, _>>()?,
    };
    let mut forgers = Forgers::new(world, cast).await?;
    let before = stage.payments(|_, after| after.passed).await;
    timeline.say(&format!(
        "{PHONES} phones run the app inside the new cloner; no shipped detector knows it: {before} of {PHONES} payments pass"
    ));
    forgers.try_all(timeline).await?;

    let mut steps = Vec::new();
    let shadow = |policy: &mut PolicySettings| {
        policy.more_detectors = DETECTOR;
        policy.more_rules = rule!("mode: shadow");
        policy.brake_rules = RULE;
        // Whoever pays brings findings of this policy.
        policy.payments_min_policy = policy.version;
    };
    steps.push(stage.publish("shadow", shadow, |after| after.shadowed).await?);
    let reached = steps.iter().all(|step| step.concerned == PHONES);
    expectations.expect(
        "new-detector-reaches-running-phones",
        before == PHONES && reached,
        format!("{} of {PHONES} seen, nobody denied", concerned(&steps)),
    );
    tell(timeline, &steps, "detector and rule are published in shadow");
    forgers.try_all(timeline).await?;

    let tenth =
        |policy: &mut PolicySettings| policy.more_rules = rule!("mode: enforce\n    rollout_percent: 10");
    let (step, sticky) = stage.publish_to_a_tenth(tenth).await?;
    steps.push(step);
    expectations.expect(
        "ten-percent-is-sticky",
        sticky && concerned(&steps) <= PHONES / 2,
        format!("{} of {PHONES} denied, the same each time", concerned(&steps)),
    );
    tell(timeline, &steps, "it is enforced for 10 % of devices");
    forgers.try_all(timeline).await?;

    let enforce = |policy: &mut PolicySettings| policy.more_rules = rule!("mode: enforce");
    steps.push(stage.publish("enforce", enforce, |after| !after.passed).await?);
    expectations.expect(
        "enforced-for-every-phone",
        concerned(&steps) == PHONES,
        format!("{} of {PHONES} denied", concerned(&steps)),
    );
    tell(timeline, &steps, "it is enforced for everybody");
    forgers.try_all(timeline).await?;

    steps.push(stage.pull_the_brake().await?);
    expectations.expect(
        "brake-undoes-it",
        concerned(&steps) == PHONES && reached,
        format!("{} of {PHONES} pay again, without the admins", concerned(&steps)),
    );
    tell(
        timeline,
        &steps,
        "the brake puts the rule back into shadow, for four hours",
    );
    forgers.try_all(timeline).await?;
    forgers.judge(expectations);
    pause(1000).await;
    Ok(steps)
}

fn concerned(steps: &[Step]) -> usize {
    steps.last().map_or(0, |step| step.concerned)
}

fn tell(timeline: &Timeline, steps: &[Step], what: &str) {
    let Some(step) = steps.last() else { return };
    let ms = |ms: Option<u64>| ms.map_or_else(|| "never".to_owned(), |ms| format!("{ms} ms"));
    timeline.say(&format!(
        "{what}: at the gateway after {}, by a phone's request first after {}, by the last one's after {}; {} of {} phones in the \
         cloner concerned, no customer",
        ms(step.gateway_ms),
        ms(step.first_phone_ms),
        ms(step.last_phone_ms),
        step.concerned,
        step.phones
    ));
}

/// What became of one payment.
#[derive(Debug, Clone, Copy, Default)]
struct Paid {
    passed: bool,
    shadowed: bool,
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Stage<'_> {
    async fn pay(&self, phone: &Phone) -> Paid {
        let actor = &self.cast.halcyon;
        let shadowed = || self.world.bank().seen(actor.name).shadowed;
        let (allowed, marked) = (actor.count().allowed, shadowed());
        pay(actor, phone).await;
        Paid {
            passed: actor.count().allowed > allowed,
            shadowed: shadowed() > marked,
        }
    }

    /// A payment of each phone; how many fit.
    async fn payments(&self, fits: impl Fn(&Phone, Paid) -> bool) -> usize {
        let mut fitting = 0;
        for phone in &self.phones {
            fitting += usize::from(fits(phone, self.pay(phone).await));
        }
        fitting
    }

    fn active(&self) -> u64 {
        self.world.server().gateway().policies().active().version()
    }

    async fn in_force(&self, version: u64, published: Stopwatch) -> Option<u64> {
        while published.elapsed() < PATIENCE {
            if self.active() >= version {
                return Some(ms(published.elapsed()));
            }
            pause(1).await;
        }
        None
    }

    /// Publishes, and has each phone pay until a payment was decided by what is new.
    async fn publish(
        &self,
        step: &'static str,
        change: impl FnOnce(&mut PolicySettings),
        decided: impl Fn(Paid) -> bool,
    ) -> Result<Step, String> {
        let published = Stopwatch::start();
        let version = self.world.publish(change).map_err(|error| error.to_string())?;
        let gateway_ms = self.in_force(version, published).await;
        Ok(self.follow(step, published, gateway_ms, decided).await)
    }

    async fn follow(
        &self,
        step: &'static str,
        published: Stopwatch,
        gateway_ms: Option<u64>,
        decided: impl Fn(Paid) -> bool,
    ) -> Step {
        let mut delays = Vec::new();
        for phone in &self.phones {
            while !decided(self.pay(phone).await) {
                if published.elapsed() > PATIENCE {
                    break;
                }
                pause(5).await;
            }
            if published.elapsed() <= PATIENCE {
                delays.push(ms(published.elapsed()));
            }
        }
        Step {
            step,
            gateway_ms,
            first_phone_ms: delays.first().copied(),
            last_phone_ms: delays.last().copied(),
            concerned: delays.len(),
            phones: self.phones.len(),
        }
    }

    /// Publishes to a tenth of all devices; whether each phone met the same answer in every round.
    async fn publish_to_a_tenth(
        &self,
        change: impl FnOnce(&mut PolicySettings),
    ) -> Result<(Step, bool), String> {
        let published = Stopwatch::start();
        let version = self.world.publish(change).map_err(|error| error.to_string())?;
        let gateway_ms = self.in_force(version, published).await;
        let mut rounds: Vec<Vec<bool>> = Vec::new();
        let mut first_phone_ms = None;
        for _ in 0..ROUNDS {
            let mut denied = Vec::new();
            for phone in &self.phones {
                denied.push(!self.pay(phone).await.passed);
                first_phone_ms = first_phone_ms.or_else(|| Some(ms(published.elapsed())));
            }
            rounds.push(denied);
        }
        let of = |round: &Vec<bool>| round.iter().filter(|denied| **denied).count();
        let sticky = rounds.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
        let step = Step {
            step: "ten-percent",
            gateway_ms,
            first_phone_ms,
            last_phone_ms: Some(ms(published.elapsed())),
            concerned: rounds.last().map_or(0, of),
            phones: self.phones.len(),
        };
        Ok((step, sticky && gateway_ms.is_some()))
    }

    async fn pull_the_brake(&self) -> Result<Step, String> {
        let published = Stopwatch::start();
        let pulled = self.world.brake(&[(RULE, Mode::Shadow)], BRAKE_S);
        pulled.map_err(|error| error.to_string())?;
        let gateway_ms = loop {
            let status = self.world.server().gateway().policies().status();
            let braked = status
                .followed
                .as_ref()
                .is_some_and(|followed| followed.brake.is_some());
            if braked {
                break Some(ms(published.elapsed()));
            }
            if published.elapsed() > PATIENCE {
                break None;
            }
            pause(1).await;
        };
        Ok(self
            .follow("brake", published, gateway_ms, |after| {
                after.passed && after.shadowed
            })
            .await)
    }
}
