//! The demo's plot: chapter by chapter, then the comparison of what everybody counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use attest_testkit::client::HttpClient;
use attest_testkit::world::World;

use super::actor::Actor;
use super::cast::Cast;
use super::chapters::{attack, ban, enforce, observe, open_for_business, pause, shadow, step_up};
use super::expectation::Expectations;
use super::over_the_air::{self, Step};
use super::report::{ActorRow, Report};
use super::timeline::Timeline;

/// What bots call themselves.
const BOT_AGENT: &str = "python-requests/2.32";

/// How long things took.
#[derive(Default)]
struct Measured {
    policy_to_block_ms: Option<u64>,
    over_the_air: Vec<Step>,
}

/// Plays all chapters and returns what was seen. A chapter that cannot be played to its end is an expectation that failed.
pub(super) async fn play(world: &World, timeline: &Timeline) -> Result<Report, String> {
    let cast = Cast::new();
    let mut expectations = Expectations::default();
    let stop = Arc::new(AtomicBool::new(false));
    let living = open_for_business(world, &cast, &stop)?;
    let mut measured = Measured::default();
    let played = chapters(world, &cast, timeline, &mut expectations, &mut measured).await;
    stop.store(true, Relaxed);
    for customer in living {
        customer.await.map_err(|error| error.to_string())?;
    }
    let seen = played
        .as_ref()
        .err()
        .map_or_else(|| "to its end".to_owned(), Clone::clone);
    expectations.expect("every-chapter-is-played", played.is_ok(), seen);
    compare(world, &cast, &mut expectations);
    Ok(report(world, &cast, expectations, measured))
}

async fn chapters(
    world: &World,
    cast: &Cast,
    timeline: &Timeline,
    expectations: &mut Expectations,
    measured: &mut Measured,
) -> Result<(), String> {
    let client =
        HttpClient::new(world.origin(), BOT_AGENT).ok_or("the gateway's address is no http origin")?;

    timeline.chapter("1  Genuine phones enrol, onboard, log in and pay");
    pause(4000).await;
    for customer in &cast.customers {
        let count = customer.count();
        timeline.say(&format!(
            "{}: {} requests, {} answered by the bank",
            customer.name, count.sent, count.allowed
        ));
    }

    timeline.chapter("2  Bots try without a phone, and with tokens taken from one");
    attack(world, cast, &client, timeline).await?;

    timeline.chapter("3  An old app version without a token, on a route that only observes");
    observe(world, cast, &client, timeline, expectations).await;

    timeline.chapter("4  A cloner app and an emulator, while their rules are in shadow");
    let (cloner, emulator) = shadow(world, cast, timeline, expectations).await?;

    timeline.chapter("5  The policy changes while everything runs");
    measured.policy_to_block_ms = enforce(world, cast, &cloner, &emulator, timeline, expectations).await?;

    timeline.chapter("6  Step-ups, and a phone that is lost");
    step_up(world, cast, timeline, expectations).await?;
    ban(world, cast, timeline, expectations).await?;
    pause(1500).await;

    timeline.chapter("7  A cloner app that did not exist when this app was released, and forgers of policy");
    measured.over_the_air = over_the_air::play(world, cast, timeline, expectations).await?;
    Ok(())
}

/// What actors counted, against what the bank counted.
fn compare(world: &World, cast: &Cast, expectations: &mut Expectations) {
    let bank = world.bank();
    let genuine = cast
        .customers
        .iter()
        .chain([&cast.confirming, &cast.rooted, &cast.lost, &cast.meddled]);
    let (mut sent, mut errors) = (0, Vec::new());
    for actor in genuine {
        let count = actor.count();
        sent += count.sent;
        errors.extend(count.codes.into_iter().chain(count.failed));
    }
    expectations.expect(
        "genuine-users-never-see-an-error",
        errors.is_empty() && sent > 0,
        if errors.is_empty() {
            format!("{sent} requests, no error")
        } else {
            errors.join(", ")
        },
    );
    for (name, actor) in [
        ("script-without-the-sdk-is-refused", &cast.script),
        ("replayed-tokens-are-refused", &cast.replayer),
        ("forged-tokens-are-refused", &cast.forger),
        ("moved-tokens-are-refused", &cast.mover),
        ("faked-headers-are-refused", &cast.faker),
        ("repackaged-app-is-refused", &*cast.repackaged),
        ("evidence-that-does-not-hold-is-refused", &*cast.betrayed),
    ] {
        let count = actor.count();
        let refused =
            count.sent > 0 && count.allowed == 0 && count.denied + unanswered(&count.failed) == count.sent;
        expectations.expect(
            name,
            refused,
            format!("{} of {} refused", count.denied, count.sent),
        );
    }
    let reached: u64 = cast.hostile().map(|actor| bank.seen(actor.name).requests).sum();
    expectations.expect(
        "no-hostile-request-reaches-the-bank",
        reached == 0,
        format!("{reached} reached it"),
    );
    let forged: u64 = bank.seen_by_actor().values().map(|seen| seen.forged).sum();
    expectations.expect(
        "no-forged-header-reaches-the-bank",
        forged == 0,
        format!("{forged} reached it"),
    );
    let differing: Vec<&str> = cast
        .everybody()
        .into_iter()
        .filter(|actor| actor.count().allowed != bank.seen(actor.name).requests)
        .map(|actor| actor.name)
        .collect();
    expectations.expect(
        "bank-and-actors-count-the-same",
        differing.is_empty(),
        if differing.is_empty() {
            "for every actor".to_owned()
        } else {
            differing.join(", ")
        },
    );
}

/// Requests that hyper itself refused, without a problem document, count as refused by their status.
fn unanswered(failed: &[String]) -> u64 {
    let refused = |failure: &&String| failure.starts_with("status 4");
    u64::try_from(failed.iter().filter(refused).count()).unwrap_or(u64::MAX)
}

fn report(world: &World, cast: &Cast, expectations: Expectations, measured: Measured) -> Report {
    let row = |actor: &Actor| {
        let count = actor.count();
        ActorRow {
            name: actor.name,
            kind: actor.kind,
            sent: count.sent,
            allowed: count.allowed,
            stepped_up: count.stepped_up,
            denied: count.denied + unanswered(&count.failed),
            reached_backend: world.bank().seen(actor.name).requests,
            codes: count.codes.join(", "),
        }
    };
    let actors = cast.everybody().into_iter().map(row).collect();
    Report {
        expectations: expectations.into_vec(),
        actors,
        policy_to_block_ms: measured.policy_to_block_ms,
        over_the_air: measured.over_the_air,
    }
}
