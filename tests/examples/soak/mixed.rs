//! Genuine phones, newcomers and hostile clients at once, while the policy changes every twenty seconds and the upstream is
//! restarted once. Memory is sampled each second.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use attest_mobile::Headers;
use attest_tests::crowd::{Crowd, Tally};
use attest_tests::deployment::Deployment;
use attest_tests::instance::Instance;
use attest_tests::origin::Origin;
use attest_tests::slow::{Mode, ROUTES, Siege, origin};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::Finding;
use crate::hostile::Hostility;

const PHONES: usize = 16;
const PACE: Duration = Duration::from_millis(15);
const HOSTILE: usize = 4;
/// Slow connections that are always there.
const SLOW: usize = 50;
const POLICY_EVERY_S: u64 = 20;
const SLOW_EVERY_S: u64 = 12;
const TOLD_EVERY_S: u64 = 10;
/// Used tokens are remembered until they expire, and answers to enrolments for ten minutes by default. With short lives these
/// memories are full before the half that is judged begins, so that a slope there means a leak.
const TOKEN_LIFETIME: &str = "token_lifetime_max_s: 60";
const RESPONSE_LIFETIME: &str = "[attestation]\nresponse_ttl_s = 60\n";
/// How long the upstream is away, and how long after that a failure still counts as its.
const AWAY: Duration = Duration::from_secs(1);
const AFTERMATH: Duration = Duration::from_secs(2);
/// What a gateway that keeps nothing may still seem to gain in a minute.
const GROWTH_KIB_PER_MINUTE: f64 = 512.0;
/// Past the longest memory that this load fills.
const SETTLED: Duration = Duration::from_secs(300);
/// A shorter run has too few minutes left for a slope.
const JUDGED_FROM: Duration = Duration::from_secs(540);

/// Everything that is at work.
struct Field {
    origin: Origin,
    deployment: Deployment,
    address: SocketAddr,
    instance: Instance,
    crowd: Crowd,
    hostility: Arc<Hostility>,
    hostile: JoinSet<()>,
    sieges: Vec<Siege>,
}

/// What was seen so far.
struct Seen {
    begun: Instant,
    genuine: Tally,
    newcomers: Tally,
    of_restart: Tally,
    /// Seconds, and KiB.
    memory: Vec<(f64, u64)>,
    version: u64,
}

pub(crate) async fn run(length: Duration) -> Vec<Finding> {
    println!("mixed: {} minutes", length.as_secs() / 60);
    let mut field = Field::open().await;
    let mut seen = Seen {
        begun: Instant::now(),
        genuine: Tally::default(),
        newcomers: Tally::default(),
        of_restart: Tally::default(),
        memory: Vec::new(),
        version: 1,
    };
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut restarted = false;
    for second in 1.. {
        seconds.tick().await;
        let elapsed = seen.begun.elapsed();
        if elapsed >= length {
            break;
        }
        field.second(second, &mut seen).await;
        if elapsed >= length / 2 && !restarted {
            restarted = true;
            field.restart_upstream(&mut seen).await;
        }
        if second % TOLD_EVERY_S == 0 {
            seen.tell(&field.hostility);
        }
    }
    field.close(seen, length).await
}

impl Field {
    async fn open() -> Self {
        let origin = origin().await;
        let deployment = Deployment::new(|policy| {
            policy.more_routes = ROUTES;
            policy.more_limits = TOKEN_LIFETIME;
        });
        let node = deployment.node("a", &origin.url(), "", RESPONSE_LIFETIME);
        let instance = node.start();
        let phones = (0..PHONES).map(|_| deployment.phone(node.address)).collect();
        let crowd = Crowd::start(phones, PACE);
        let hostility = Arc::new(Hostility::default());
        let mut hostile = JoinSet::new();
        for _ in 0..HOSTILE {
            let phone = deployment.phone(node.address);
            hostile.spawn(Arc::clone(&hostility).requests(node.address, phone));
            hostile.spawn(Arc::clone(&hostility).garbage(node.address));
        }
        Self {
            origin,
            address: node.address,
            deployment,
            instance,
            crowd,
            hostility,
            hostile,
            sieges: Vec::new(),
        }
    }

    /// What happens in each second.
    async fn second(&mut self, second: u64, seen: &mut Seen) {
        let at = seen.begun.elapsed().as_secs_f64();
        seen.memory.push((at, self.instance.resident_kib()));
        if second.is_multiple_of(POLICY_EVERY_S) {
            seen.version = self.deployment.publish(|policy| {
                policy.cloner_rule = if policy.cloner_rule == "shadow" {
                    "enforce"
                } else {
                    "shadow"
                };
            });
        }
        if second % SLOW_EVERY_S == 1 {
            self.sieges.clear();
            for mode in Mode::ALL {
                let siege = Siege::lay(self.address, mode, SLOW, Duration::from_secs(1)).await;
                self.sieges.push(siege);
            }
        }
        seen.newcomers.add(arrival(&self.deployment, self.address).await);
        seen.genuine.add(self.crowd.take());
    }

    async fn restart_upstream(&mut self, seen: &mut Seen) {
        seen.genuine.add(self.crowd.take());
        self.origin.goes_down().await;
        sleep(AWAY).await;
        self.origin.comes_back().await;
        sleep(AFTERMATH).await;
        seen.of_restart = self.crowd.take();
    }

    async fn close(self, mut seen: Seen, length: Duration) -> Vec<Finding> {
        self.hostility.over.store(true, Ordering::Relaxed);
        drop(self.sieges);
        seen.genuine.add(self.crowd.rests().await);
        self.hostile.join_all().await;
        let (code, log) = self.instance.ends().await;
        let activated = log.matches("policy activated").count();
        let mut findings = seen.findings(&self.hostility);
        let all_activated = u64::try_from(activated).is_ok_and(|activated| activated + 1 == seen.version);
        findings.extend([
            Finding::new(
                "mixed: policies activated",
                activated,
                "every 20 s",
                all_activated,
            ),
            Finding::new("mixed: exit code", format!("{code:?}"), "0", code == Some(0)),
            flatness(&seen.memory, length),
        ]);
        findings
    }
}

impl Seen {
    fn tell(&self, hostility: &Hostility) {
        println!(
            "  {:>4} s: {} genuine answered, {} failed; {} hostile refused; policy {}; {} MiB",
            self.begun.elapsed().as_secs(),
            self.genuine.answered + self.newcomers.answered,
            self.genuine.failed + self.newcomers.failed,
            hostility.refused.load(Ordering::Relaxed),
            self.version,
            self.memory.last().map_or(0, |(_, kib)| kib / 1024),
        );
    }

    fn findings(&self, hostility: &Hostility) -> Vec<Finding> {
        let Self {
            genuine,
            newcomers,
            of_restart,
            ..
        } = self;
        let failed = genuine.failed + newcomers.failed;
        let (p50, p99) = (genuine.percentile(50), genuine.percentile(99));
        vec![
            Finding::new(
                "mixed: genuine requests",
                format!(
                    "{} by {PHONES} phones, p50 {p50:.2?}, p99 {p99:.2?}",
                    genuine.answered
                ),
                "–",
                genuine.answered > 0,
            ),
            Finding::new(
                "mixed: newcomers enrolled and served",
                newcomers.answered,
                "all",
                newcomers.failed == 0,
            ),
            Finding::new(
                "mixed: genuine failures",
                told(failed, &[genuine, newcomers]),
                "0",
                failed == 0,
            ),
            Finding::new(
                "mixed: failures while the upstream was away",
                format!(
                    "{} of {}",
                    of_restart.failed,
                    of_restart.failed + of_restart.answered
                ),
                "only then",
                true,
            ),
            Finding::new(
                "mixed: hostile requests refused",
                hostility.refused.load(Ordering::Relaxed),
                "all",
                hostility.passed.load(Ordering::Relaxed) == 0,
            ),
        ]
    }
}

/// A new phone enrols and sends its first request.
async fn arrival(deployment: &Deployment, address: SocketAddr) -> Tally {
    let phone = deployment.phone(address);
    let sent = phone.send("POST", "/v1/login", &Headers::new(), b"{}").await;
    let mut tally = Tally::default();
    match sent {
        Ok(sent) if sent.reply.status == 200 => tally.answered += 1,
        outcome => {
            tally.failed += 1;
            tally.failures.push(format!("newcomer: {outcome:?}"));
        }
    }
    tally
}

fn told(count: u64, tallies: &[&Tally]) -> String {
    let mut text = count.to_string();
    for failure in tallies.iter().flat_map(|tally| &tally.failures) {
        // A column of the table, so no column's end.
        let _infallible = write!(text, "; {}", failure.replace('|', "/"));
    }
    text
}

/// The slope of the settled minutes' means, by least squares. What is forgotten by the minute makes a saw whose phase would
/// otherwise look like a slope.
fn flatness(samples: &[(f64, u64)], length: Duration) -> Finding {
    let settled: Vec<f64> = samples
        .iter()
        .filter(|(at, _)| *at >= SETTLED.as_secs_f64())
        .map(|(_, kib)| *kib as f64)
        .collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    // One sample a second.
    let points: Vec<(f64, f64)> = settled
        .chunks(60)
        .enumerate()
        .map(|(minute, kib)| (minute as f64, mean(kib)))
        .collect();
    let (xs, ys): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    let (x, y) = (mean(&xs), mean(&ys));
    let above: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let below: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let slope = if below > 0.0 { above / below } else { 0.0 };
    let peak = samples.iter().map(|(_, kib)| kib / 1024).max().unwrap_or(0);
    let means: Vec<String> = ys.iter().map(|kib| format!("{:.1}", kib / 1024.0)).collect();
    let seen = format!(
        "minutes' means {} MiB, peak {peak} MiB, slope {slope:+.0} KiB a minute",
        means.join(", ")
    );
    let held = length < JUDGED_FROM || slope <= GROWTH_KIB_PER_MINUTE;
    Finding::new(
        "mixed: memory after 5 minutes",
        seen,
        "flat; judged from 9 minutes on",
        held,
    )
}
