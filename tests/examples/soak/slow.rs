//! Slow connections in three modes at a gateway with default limits, and what they cost genuine phones: the same phones at the same
//! pace, besieged and not, in turn, in one run.

use std::fmt;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use attest_tests::crowd::{Crowd, Tally};
use attest_tests::deployment::Deployment;
use attest_tests::instance::Instance;
use attest_tests::slow::{Mode, ROUTES, Siege, let_go, origin};
use tokio::runtime::Builder;
use tokio::time::sleep;

use crate::Finding;

const PHONES: usize = 16;
/// Between two requests of a phone.
const PACE: Duration = Duration::from_millis(20);
/// Between two bytes of a slow connection.
const PAUSE: Duration = Duration::from_secs(1);
/// As long as a siege takes.
const QUIET: Duration = Duration::from_secs(13);
/// An odd number, so that one is in the middle.
const ROUNDS: usize = 7;
const CLOSED_WITHIN: Duration = Duration::from_secs(15);
/// After this, what is still open stays open.
const PATIENCE: Duration = Duration::from_secs(45);
const RATIO_MAX: f64 = 1.5;

pub(crate) async fn run(connections: usize) -> Vec<Finding> {
    println!(
        "slow: {ROUNDS} sieges of {connections} connections in each of {} modes, a quiet window before each",
        Mode::ALL.len()
    );
    let origin = origin().await;
    let deployment = Deployment::new(|policy| policy.more_routes = ROUTES);
    let node = deployment.node("a", &origin.url(), "", "");
    let instance = node.start();
    let phones = (0..PHONES).map(|_| deployment.phone(node.address)).collect();
    let crowd = Crowd::start(phones, PACE);
    crowd.answered(20 * PHONES as u64).await;
    let field = Field {
        address: node.address,
        quiet: instance.descriptors() + PHONES,
        instance,
        crowd,
        connections,
    };

    let mut rounds = Vec::new();
    for number in 1..=ROUNDS {
        let without = field.quiet().await;
        let (during, end) = field.siege().await;
        println!("  {number}: without {without}, during {during}, {end}");
        rounds.push(Round { without, during, end });
        // Whatever is still open is over before the next window.
        let_go(&field.instance, field.quiet, PATIENCE).await;
    }
    field.crowd.rests().await;
    let (code, _log) = field.instance.ends().await;
    let mut findings = vec![Finding::new(
        "slow: exit code",
        format!("{code:?}"),
        "0",
        code == Some(0),
    )];
    findings.extend(found(&rounds, connections));
    findings
}

/// Where it happens.
struct Field {
    address: SocketAddr,
    instance: Instance,
    crowd: Crowd,
    /// Descriptors of the gateway when nobody besieges it.
    quiet: usize,
    connections: usize,
}

/// What a window showed.
struct Window {
    tally: Tally,
    /// The share of the processors' time that the host gave to others, of 1.
    stolen: f64,
}

/// How a siege ended.
struct End {
    /// The most that were open at once.
    at_once: usize,
    /// When the last slow one was closed, or how many never were.
    closed: Result<Duration, usize>,
}

struct Round {
    without: Window,
    during: Window,
    end: End,
}

impl Field {
    async fn quiet(&self) -> Window {
        self.crowd.take();
        let before = Processors::read();
        sleep(QUIET).await;
        Window {
            tally: self.crowd.take(),
            stolen: before.stolen_since(),
        }
    }

    async fn siege(&self) -> (Window, End) {
        // A thread of its own, that everybody else goes before: an attacker brings a machine of his own, here he has what is left.
        let besiegers = Builder::new_multi_thread()
            .worker_threads(1)
            .on_thread_start(last_in_line)
            .enable_all()
            .build()
            .unwrap();
        self.crowd.take();
        let before = Processors::read();
        let mut sieges = Vec::new();
        for mode in Mode::ALL {
            let siege = Siege::lay(self.address, mode, self.connections, PAUSE);
            sieges.push(besiegers.spawn(siege).await.unwrap());
        }
        let at_once: usize = sieges.iter().map(Siege::open).sum();
        let closed = let_go(&self.instance, self.quiet, PATIENCE).await;
        let window = Window {
            tally: self.crowd.take(),
            stolen: before.stolen_since(),
        };
        let closed = closed.ok_or_else(|| self.instance.descriptors().saturating_sub(self.quiet));
        drop(sieges);
        besiegers.shutdown_background();
        (window, End { at_once, closed })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p99) = (self.tally.percentile(50), self.tally.percentile(99));
        let (answered, stolen) = (self.tally.answered, self.stolen * 100.0);
        write!(
            f,
            "p50 {p50:.2?} p99 {p99:.2?} of {answered} ({stolen:.1} % stolen)"
        )
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.closed {
            Ok(closed) => write!(f, "{} at once, closed after {closed:.1?}", self.at_once),
            Err(left) => write!(
                f,
                "{} at once, {left} still open after {PATIENCE:?}",
                self.at_once
            ),
        }
    }
}

/// Lets this thread run only when nobody else wants to.
fn last_in_line() {
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    let number = thread.file_name().unwrap();
    let idle = Command::new("chrt")
        .args(["--idle", "--pid", "0"])
        .arg(number)
        .stdout(Stdio::null())
        .status();
    assert!(idle.is_ok_and(|status| status.success()), "chrt failed");
}

/// What the rounds say together. One window's p99 is as much the machine's as the gateway's, so the middle ones are compared.
fn found(rounds: &[Round], connections: usize) -> [Finding; 4] {
    let at_once = rounds
        .iter()
        .map(|round| round.end.at_once)
        .min()
        .unwrap_or_default();
    let last = rounds
        .iter()
        .map(|round| &round.end)
        .max_by_key(|end| match end.closed {
            Ok(closed) => (0, closed),
            Err(_) => (1, Duration::ZERO),
        });
    let closed = rounds
        .iter()
        .all(|round| round.end.closed.is_ok_and(|closed| closed <= CLOSED_WITHIN));
    let without = middle(rounds.iter().map(|round| round.without.tally.percentile(99)));
    let during = middle(rounds.iter().map(|round| round.during.tally.percentile(99)));
    let ratio = during.as_secs_f64() / without.as_secs_f64().max(f64::EPSILON);
    let mut all = Tally::default();
    for round in rounds {
        all.add(round.without.tally.clone());
        all.add(round.during.tally.clone());
    }
    [
        Finding::new(
            "slow: the last one closed",
            last.map(End::to_string).unwrap_or_default(),
            "15 s",
            closed,
        ),
        Finding::new(
            "slow: connections at once, at least",
            at_once,
            "what the limits let be",
            at_once >= connections,
        ),
        Finding::new(
            "slow: genuine p99, during / without, the middle of all windows",
            format!("{during:.2?} / {without:.2?} = {ratio:.2}"),
            "1.5",
            ratio <= RATIO_MAX,
        ),
        Finding::new(
            "slow: genuine failures",
            format!("{} of {} {}", all.failed, all.answered, all.failures.join("; ")),
            "0",
            all.failed == 0,
        ),
    ]
}

fn middle(each: impl Iterator<Item = Duration>) -> Duration {
    let mut each: Vec<Duration> = each.collect();
    each.sort_unstable();
    each.get(each.len() / 2).copied().unwrap_or_default()
}

/// What the machine's processors did since it was started, in ticks.
struct Processors {
    all: u64,
    stolen: u64,
}

impl Processors {
    fn read() -> Self {
        let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let first = stat.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = first
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        // user, nice, system, idle, iowait, irq, softirq, steal; what follows is part of user and nice.
        Self {
            all: ticks.iter().take(8).sum(),
            stolen: ticks.get(7).copied().unwrap_or_default(),
        }
    }

    fn stolen_since(&self) -> f64 {
        let now = Self::read();
        let ticks = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        ticks(now.stolen - self.stolen) / ticks(now.all - self.all).max(1.0)
    }
}
