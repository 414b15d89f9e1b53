//! The chapters: what happens in each, and what is expected of it.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use attest_core::device::Platform;
use attest_core::problem::ProblemCode;
use attest_gateway::store::{Ban, BanKind, BanScope};
use attest_gateway::tally::Passed;
use attest_testkit::client::HttpClient;
use attest_testkit::evidence::simulated::Chip;
use attest_testkit::phone::{Evidence, Phone};
use attest_testkit::policy::IOS_APP;
use attest_testkit::profile::Profile;
use attest_testkit::world::World;
use tokio::task::JoinHandle;

use super::actor::Actor;
use super::bots::{Bot, Captured};
use super::cast::Cast;
use super::customers::{self, ReadsMessages};
use super::expectation::Expectations;
use super::timeline::Timeline;
use crate::clock::Stopwatch;

/// A policy acts within this, or the demo fails.
const POLICY_WITHIN: Duration = Duration::from_secs(1);
/// How long the demo waits for what should have happened by then.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// A phone whose key nothing vouches for: the sample bank still accepts them, and looks at what detectors find.
pub(super) fn phone(world: &World, platform: Platform, profile: Profile) -> Result<Phone, String> {
    phone_with(world, platform, profile, Evidence::Software)
}

fn phone_with(
    world: &World,
    platform: Platform,
    profile: Profile,
    evidence: Evidence,
) -> Result<Phone, String> {
    let mut options = world.phone();
    options.platform = platform;
    options.profile = profile;
    options.evidence = evidence;
    if platform == Platform::Ios {
        IOS_APP.clone_into(&mut options.app);
    }
    Phone::new(options).map_err(|error| error.to_string())
}

pub(super) fn open_for_business(
    world: &World,
    cast: &Cast,
    stop: &Arc<AtomicBool>,
) -> Result<Vec<JoinHandle<()>>, String> {
    let phones = [
        (Platform::Android, Chip::TrustedEnvironment),
        (Platform::Android, Chip::StrongBox),
        (Platform::Ios, Chip::TrustedEnvironment),
    ];
    let begin = |(actor, (platform, chip)): (&Arc<Actor>, (Platform, Chip))| {
        let phone = phone_with(world, platform, Profile::Genuine, world.hardware(chip))?;
        Ok(tokio::spawn(customers::live(
            Arc::clone(actor),
            phone,
            Arc::clone(stop),
        )))
    };
    cast.customers.iter().zip(phones).map(begin).collect()
}

pub(super) async fn attack(
    world: &World,
    cast: &Cast,
    client: &HttpClient,
    timeline: &Timeline,
) -> Result<(), String> {
    let victim = phone(world, Platform::Android, Profile::Genuine)?;
    let bot = |actor| Bot { actor, client };
    bot(&cast.script).without_sdk().await;
    tell(timeline, &cast.script);
    for (target, body) in [
        ("/v1/onboarding?channel=app", r#"{"name":"B. Customer"}"#),
        ("/v1/payments?to=DE02", r#"{"amount":"5.00"}"#),
    ] {
        let captured = capture(cast, client, &victim, target, body).await?;
        bot(&cast.replayer).replay(&captured).await;
    }
    tell(timeline, &cast.replayer);
    bot(&cast.forger).forge(&victim).await;
    tell(timeline, &cast.forger);
    bot(&cast.mover).move_token(&victim).await;
    tell(timeline, &cast.mover);
    bot(&cast.faker).fake_headers(&victim).await;
    tell(timeline, &cast.faker);
    let repackaged = phone(world, Platform::Android, Profile::Repackaged)?;
    for _ in 0..3 {
        customers::request(&cast.repackaged, &repackaged, "POST", "/v1/login", "{}").await;
    }
    tell(timeline, &cast.repackaged);
    betray(world, cast).await?;
    tell(timeline, &cast.betrayed);
    pause(2000).await;
    Ok(())
}

/// Apps that hide from every detector, on phones whose hardware and system say what they are.
async fn betray(world: &World, cast: &Cast) -> Result<(), String> {
    for (platform, profile) in [
        (Platform::Android, Profile::Repackaged),
        (Platform::Android, Profile::Cloner),
        (Platform::Android, Profile::Emulator),
        (Platform::Ios, Profile::Repackaged),
    ] {
        let hardware = world.hardware(Chip::TrustedEnvironment);
        let phone = phone_with(world, platform, profile, hardware)?;
        phone.hide();
        customers::request(&cast.betrayed, &phone, "POST", "/v1/login", "{}").await;
    }
    Ok(())
}

/// The victim sends a request, which passes and counts to the phone that is lost later; the bot has seen it on its way.
async fn capture(
    cast: &Cast,
    client: &HttpClient,
    victim: &Phone,
    target: &'static str,
    body: &'static str,
) -> Result<Captured, String> {
    let mut headers = cast.lost.headers();
    headers.push(("authorization".to_owned(), "Bearer demo-access-token".to_owned()));
    let tokens = victim
        .token_headers("POST", target, &headers, body.as_bytes())
        .await
        .map_err(|e| e.to_string())?;
    headers.extend(tokens.clone());
    let reply = client
        .app("POST", target, &headers, body.as_bytes())
        .await
        .map_err(|e| e.to_string())?;
    cast.lost.note(&reply, false);
    Ok(Captured { target, body, tokens })
}

fn tell(timeline: &Timeline, actor: &Actor) {
    let count = actor.count();
    let codes = if count.codes.is_empty() {
        String::new()
    } else {
        format!(" ({})", count.codes.join(", "))
    };
    timeline.say(&format!(
        "{}: {} sent, {} refused{codes}, {} passed",
        actor.name, count.sent, count.denied, count.allowed
    ));
}

pub(super) async fn observe(
    world: &World,
    cast: &Cast,
    client: &HttpClient,
    timeline: &Timeline,
    expectations: &mut Expectations,
) {
    let before = world.server().gateway().tally().passed(Passed::Unattested);
    let bot = Bot {
        actor: &cast.old_app,
        client,
    };
    let faked = vec![(
        "attest-device".to_owned(),
        attest_testkit::bank::FORGED.to_owned(),
    )];
    for _ in 0..5 {
        bot.send("GET", "/v1/legacy/balance", &faked, "").await;
    }
    tell(timeline, &cast.old_app);
    let counted = world.server().gateway().tally().passed(Passed::Unattested) - before;
    let (count, seen) = (cast.old_app.count(), world.bank().seen(cast.old_app.name));
    expectations.expect(
        "old-app-passes-and-is-counted",
        count.allowed == count.sent
            && counted == count.sent
            && seen.requests == count.sent
            && seen.vouched == 0,
        format!(
            "{} sent, {} counted as unattested, none vouched for",
            count.sent, counted
        ),
    );
    pause(1500).await;
}

pub(super) async fn shadow(
    world: &World,
    cast: &Cast,
    timeline: &Timeline,
    expectations: &mut Expectations,
) -> Result<(Phone, Phone), String> {
    let cloner = phone(world, Platform::Android, Profile::Cloner)?;
    let emulator = phone(world, Platform::Android, Profile::Emulator)?;
    for (actor, phone) in [(&cast.cloner, &cloner), (&cast.emulator, &emulator)] {
        for _ in 0..5 {
            pay(actor, phone).await;
        }
        tell(timeline, actor);
    }
    for (name, actor) in [
        ("cloner-visible-in-shadow", &cast.cloner),
        ("emulator-visible-in-shadow", &cast.emulator),
    ] {
        let (count, seen) = (actor.count(), world.bank().seen(actor.name));
        expectations.expect(
            name,
            count.allowed == 5 && seen.shadowed == 5 && seen.with_findings == 5,
            format!(
                "{} of 5 allowed, {} marked for the bank",
                count.allowed, seen.shadowed
            ),
        );
    }
    pause(2000).await;
    Ok((cloner, emulator))
}

/// A payment from a phone that the new policy denies.
pub(super) async fn pay(actor: &Actor, phone: &Phone) {
    customers::request(
        actor,
        phone,
        "POST",
        "/v1/payments?to=XX01",
        r#"{"amount":"1.00"}"#,
    )
    .await;
}

/// Pays until a payment is denied. Returns how long after publication that was.
async fn pay_until_denied(actor: &Actor, phone: &Phone, published: Stopwatch) -> Option<Duration> {
    while published.elapsed() < PATIENCE {
        let denied = actor.count().denied;
        pay(actor, phone).await;
        if actor.count().denied > denied {
            return Some(published.elapsed());
        }
        pause(5).await;
    }
    None
}

pub(super) async fn enforce(
    world: &World,
    cast: &Cast,
    cloner: &Phone,
    emulator: &Phone,
    timeline: &Timeline,
    expectations: &mut Expectations,
) -> Result<Option<u64>, String> {
    let sessions = |phone: &Phone| phone.attestor().status().sessions;
    let before = (sessions(cloner), sessions(emulator));
    let tally = world.server().gateway().tally();
    let allowed_before = (cast.cloner.count().allowed, cast.emulator.count().allowed);
    let enrolled_before = tally.passed(Passed::Enrolled);
    let version = world
        .publish(|policy| {
            policy.cloner_rule = "enforce";
            policy.emulator_rule = "enforce";
        })
        .map_err(|error| error.to_string())?;
    timeline.say(&format!(
        "policy {version} is published: payments from cloners and emulators are denied from now on"
    ));
    let blocked = pay_until_denied(&cast.cloner, cloner, Stopwatch::start()).await;
    let until_blocked = cast.cloner.count().allowed - allowed_before.0;
    for _ in 0..3 {
        pay(&cast.cloner, cloner).await;
        pay(&cast.emulator, emulator).await;
    }
    match blocked {
        Some(after) => timeline.say(&format!(
            "the first payment was denied {} ms after publication",
            after.as_millis()
        )),
        None => timeline.say("no payment was denied"),
    }
    tell(timeline, &cast.cloner);
    tell(timeline, &cast.emulator);
    expectations.expect(
        "policy-blocks-within-a-second",
        blocked.is_some_and(|after| after <= POLICY_WITHIN),
        blocked.map_or_else(|| "never".to_owned(), |after| format!("{} ms", after.as_millis())),
    );
    let after = (cast.cloner.count(), cast.emulator.count());
    expectations.expect(
        "same-phones-denied-after-the-change",
        after.0.denied >= 4
            && after.1.denied == 3
            && after.0.allowed == allowed_before.0 + until_blocked
            && after.1.allowed == allowed_before.1,
        format!(
            "cloner denied {}, emulator denied {}",
            after.0.denied, after.1.denied
        ),
    );
    expectations.expect(
        "with-the-sessions-they-hold",
        (sessions(cloner), sessions(emulator)) == before && tally.passed(Passed::Enrolled) == enrolled_before,
        "nobody enrolled or renewed",
    );
    pause(2000).await;
    Ok(blocked.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)))
}

/// Sends a request that a rule stops at first. Returns whether the SDK's one repeat passed.
async fn passes_after_step_up(actor: &Actor, phone: &Phone, target: &str, body: &str) -> bool {
    match phone
        .send("POST", target, &actor.headers(), body.as_bytes())
        .await
    {
        Ok(sent) => actor.note(&sent.reply, sent.sends > 1) && sent.sends == 2,
        Err(error) => {
            actor.note_failure(error.to_string());
            false
        }
    }
}

pub(super) async fn step_up(
    world: &World,
    cast: &Cast,
    timeline: &Timeline,
    expectations: &mut Expectations,
) -> Result<(), String> {
    let prompt = Arc::new(ReadsMessages {
        bank: Arc::clone(world.bank()),
        phone: OnceLock::new(),
        headers: attest_mobile::Headers::new(),
    });
    let mut options = world.phone();
    options.step_up = Arc::clone(&prompt) as _;
    let confirming = Phone::new(options).map_err(|error| error.to_string())?;
    // The app talks to the bank through the same phone.
    let _first = prompt.phone.set(confirming.clone());
    let body = r#"{"iban":"DE02"}"#;
    let confirmed = passes_after_step_up(&cast.confirming, &confirming, "/v1/payees", body).await;
    timeline.say(&format!(
        "{}: asked for the bank's one-time code, {}",
        cast.confirming.name,
        if confirmed { "given, passed" } else { "not passed" }
    ));
    expectations.expect(
        "step-up-by-the-user-passes",
        confirmed,
        "by the bank's one-time code",
    );
    let rooted = phone(world, Platform::Android, Profile::Rooted)?;
    let proved = passes_after_step_up(&cast.rooted, &rooted, "/v1/login", "{}").await;
    timeline.say(&format!(
        "{}: the SDK repeated the login with a proof token by itself, {}",
        cast.rooted.name,
        if proved { "passed" } else { "not passed" }
    ));
    expectations.expect(
        "step-up-by-proof-is-automatic",
        proved,
        "one repeat, no question to the user",
    );
    pause(1500).await;
    Ok(())
}

pub(super) async fn ban(
    world: &World,
    cast: &Cast,
    timeline: &Timeline,
    expectations: &mut Expectations,
) -> Result<(), String> {
    let lost = phone(world, Platform::Android, Profile::Genuine)?;
    for _ in 0..3 {
        customers::request(&cast.lost, &lost, "POST", "/v1/login", "{}").await;
    }
    let device = lost.attestor().device().ok_or("the phone has no registration")?;
    let gateway = world.server().gateway();
    let ban = Ban {
        scope: BanScope::Device(device.to_text()),
        kind: BanKind::Banned,
        reason: "reported lost".to_owned(),
        at_s: 0,
        until_s: None,
    };
    gateway.bans().ban(ban).await.map_err(|error| error.to_string())?;
    let banned_before = gateway.tally().refused(ProblemCode::Banned);
    for _ in 0..3 {
        customers::request(&cast.banned, &lost, "POST", "/v1/login", "{}").await;
    }
    let count = cast.banned.count();
    let refused = gateway.tally().refused(ProblemCode::Banned) - banned_before;
    timeline.say(&format!(
        "{}: {} sent, {} refused, from the first one on",
        cast.banned.name, count.sent, count.denied
    ));
    expectations.expect(
        "banned-device-is-cut-off-at-once",
        count.denied + u64::try_from(count.failed.len()).unwrap_or(u64::MAX) == count.sent && refused >= 1,
        format!("{} of {} refused", count.denied, count.sent),
    );
    Ok(())
}
