//! The collector over probes that a test makes and a clock that it drives.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use attest_core::facts::{FactId, FactMap, FactRef, Observation, Value};
use attest_core::policy::Variables;

use super::super::sys::Errno;
use super::super::{Answers, Lifetime, Probe, Scope};
use super::{BUDGET_MS, Background, Collector, HUNG_AFTER_MS, SCANS_MAX};
use crate::foreign::{BoxFuture, Clock, Observations, Timer};
use crate::signal::Signal;

/// Microseconds that only a test moves.
#[derive(Default)]
struct Time(AtomicU64, Signal);

impl Time {
    fn pass_ms(&self, ms: u64) {
        self.0.fetch_add(ms * 1000, Ordering::SeqCst);
        self.1.change();
    }
}

impl Timer for Time {
    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let seen = self.1.changes();
                if self.monotonic_ms() >= monotonic_ms {
                    return;
                }
                self.1.changed_since(seen).await;
            }
        })
    }
}

impl Clock for Time {
    fn wall_s(&self) -> u64 {
        0
    }

    fn monotonic_ms(&self) -> u64 {
        self.monotonic_us() / 1000
    }

    fn monotonic_us(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

type Act = dyn Fn(&[&FactRef], &Scope<'_>, &mut Answers) + Send + Sync;

struct Made {
    name: &'static str,
    facts: &'static [FactId],
    cost_us: u32,
    lifetime: Lifetime,
    act: Box<Act>,
}

impl Probe for Made {
    fn name(&self) -> &'static str {
        self.name
    }

    fn facts(&self) -> &'static [FactId] {
        self.facts
    }

    fn cost_us(&self) -> u32 {
        self.cost_us
    }

    fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        (self.act)(questions, scope, answers);
    }
}

fn made(
    name: &'static str,
    facts: &'static [FactId],
    cost_us: u32,
    lifetime: Lifetime,
    act: impl Fn(&[&FactRef], &Scope<'_>, &mut Answers) + Send + Sync + 'static,
) -> Box<dyn Probe> {
    Box::new(Made {
        name,
        facts,
        cost_us,
        lifetime,
        act: Box::new(act),
    })
}

fn questions(texts: &[&str]) -> Vec<FactRef> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn said(facts: &FactMap) -> Vec<String> {
    facts.iter().map(|(question, _)| question.to_string()).collect()
}

fn one() -> Value {
    Value::Integer(1)
}

fn all(questions: &[&FactRef], answers: &mut Answers) {
    questions.iter().for_each(|question| answers.put(question, one()));
}

const UID: &[FactId] = &[FactId::ID_UID];
const PPID: &[FactId] = &[FactId::ID_PPID];
const MAPS: &[FactId] = &[FactId::MAPS_PATH, FactId::MAPS_LINE];

#[test]
fn only_what_is_asked_is_asked_once_and_the_cheapest_first() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let logged = |name, facts, cost_us| {
        let log = Arc::clone(&log);
        made(
            name,
            facts,
            cost_us,
            Lifetime::Scan,
            move |questions, _, answers| {
                let asked = questions.iter().map(ToString::to_string).collect::<Vec<_>>();
                log.lock().unwrap().push((name, asked));
                all(questions, answers);
            },
        )
    };
    let probes = vec![
        logged("maps", MAPS, 900),
        logged("ids", UID, 10),
        logged("parents", PPID, 20),
    ];
    let collector = Collector::new(probes, Arc::new(Time::default()), Variables::default());
    let asked = [
        "maps.path@libc",
        "id.uid",
        "maps.path@libc",
        "maps.path@syscall",
        "env.names",
    ];
    let facts = collector.scan(&questions(&asked));
    assert_eq!(said(&facts), ["maps.path@libc", "maps.path@syscall", "id.uid"]);
    let expect = [
        ("ids", vec!["id.uid".to_owned()]),
        (
            "maps",
            vec!["maps.path@libc".to_owned(), "maps.path@syscall".to_owned()],
        ),
    ];
    assert_eq!(*log.lock().unwrap(), expect);
    let costs: Vec<_> = collector
        .costs()
        .iter()
        .map(|cost| (cost.probe, cost.runs))
        .collect();
    assert_eq!(costs, [("ids", 1), ("maps", 1)]);
}

#[test]
fn a_spent_budget_leaves_the_rest_open() {
    let time = Arc::new(Time::default());
    let slow = |name, facts, cost_us, takes_ms| {
        let time = Arc::clone(&time);
        made(
            name,
            facts,
            cost_us,
            Lifetime::Process,
            move |questions, scope, answers| {
                for question in questions {
                    if scope.deadline.has_passed() {
                        answers.put(question, Errno::STOPPED);
                    } else {
                        time.pass_ms(takes_ms);
                        answers.put(question, one());
                    }
                }
            },
        )
    };
    let probes = vec![
        slow("ids", UID, 1, 20),
        slow("maps", MAPS, 2, BUDGET_MS - 20),
        slow("parents", PPID, 3, 1),
    ];
    let collector = Collector::new(probes, Arc::clone(&time) as Arc<dyn Clock>, Variables::default());
    let asked = questions(&["id.uid", "maps.path", "maps.line", "id.ppid"]);
    let facts = collector.scan(&asked);
    assert_eq!(said(&facts), ["maps.path", "maps.line", "id.uid"]);
    let stopped = facts
        .iter()
        .find(|(question, _)| **question == asked[2])
        .unwrap()
        .1;
    assert_eq!(*stopped, Observation::Error(Errno::STOPPED.number()));
    let costs: Vec<_> = collector
        .costs()
        .iter()
        .map(|cost| (cost.probe, cost.last_us, cost.max_us, cost.late))
        .collect();
    assert_eq!(costs, [("ids", 20_000, 20_000, 0), ("maps", 30_000, 30_000, 1)]);
    // What was answered keeps; the maps are asked again as a whole, for one of them was not answered.
    let facts = collector.scan(&asked);
    assert_eq!(said(&facts), ["maps.path", "maps.line", "id.uid"]);
    let facts = collector.scan(&questions(&["id.uid", "id.ppid", "maps.path"]));
    assert_eq!(said(&facts), ["maps.path", "id.uid", "id.ppid"]);
}

#[test]
fn answers_keep_as_long_as_their_probe_says_and_only_together() {
    let time = Arc::new(Time::default());
    let probe = |name, facts, lifetime| {
        made(name, facts, 1, lifetime, |questions, _, answers| {
            all(questions, answers)
        })
    };
    let probes = vec![
        probe("ids", UID, Lifetime::Process),
        probe("parents", PPID, Lifetime::Scan),
        probe("maps", MAPS, Lifetime::Seconds(60)),
    ];
    let collector = Collector::new(probes, Arc::clone(&time) as Arc<dyn Clock>, Variables::default());
    let runs = |asked: &[&str]| {
        assert_eq!(collector.scan(&questions(asked)).len(), asked.len());
        let costs = collector.costs();
        ["ids", "parents", "maps"].map(|probe| {
            costs
                .iter()
                .find(|cost| cost.probe == probe)
                .map_or(0, |cost| cost.runs)
        })
    };
    let asked = ["id.uid", "id.ppid", "maps.path@libc"];
    assert_eq!(runs(&asked), [1, 1, 1]);
    assert_eq!(runs(&asked), [1, 2, 1]);
    // The other view was not asked then.
    assert_eq!(runs(&["maps.path@libc", "maps.path@syscall"]), [1, 2, 2]);
    time.pass_ms(59_999);
    assert_eq!(runs(&asked), [1, 3, 2]);
    time.pass_ms(1);
    assert_eq!(runs(&asked), [1, 4, 3]);
}

#[test]
fn errors_are_not_kept() {
    let fails = Arc::new(AtomicBool::new(true));
    let told = Arc::clone(&fails);
    let probe = made("ids", UID, 1, Lifetime::Process, move |questions, _, answers| {
        if told.load(Ordering::SeqCst) {
            answers.put(questions[0], Errno::new(libc::EACCES));
        } else {
            all(questions, answers);
        }
    });
    let collector = Collector::new(vec![probe], Arc::new(Time::default()), Variables::default());
    let asked = questions(&["id.uid"]);
    let observation = |facts: FactMap| facts.iter().next().unwrap().1.clone();
    assert_eq!(
        observation(collector.scan(&asked)),
        Observation::Error(libc::EACCES)
    );
    fails.store(false, Ordering::SeqCst);
    assert_eq!(observation(collector.scan(&asked)), one().into());
    fails.store(true, Ordering::SeqCst);
    assert_eq!(observation(collector.scan(&asked)), one().into());
}

#[test]
fn a_probe_that_panics_answers_nothing_and_the_others_do() {
    let panics = made("ids", UID, 1, Lifetime::Scan, |questions, _, answers| {
        all(questions, answers);
        panic!("a probe's own mistake");
    });
    let works = made("parents", PPID, 2, Lifetime::Scan, |questions, _, answers| {
        all(questions, answers)
    });
    let collector = Collector::new(
        vec![panics, works],
        Arc::new(Time::default()),
        Variables::default(),
    );
    assert_eq!(
        said(&collector.scan(&questions(&["id.uid", "id.ppid"]))),
        ["id.ppid"]
    );
    assert_eq!(collector.costs()[0].panics, 1);
}

#[test]
fn what_was_not_asked_is_not_taken() {
    let eager = made("ids", UID, 1, Lifetime::Scan, |questions, _, answers| {
        all(questions, answers);
        answers.put(&"env.names".parse().unwrap(), one());
    });
    let collector = Collector::new(vec![eager], Arc::new(Time::default()), Variables::default());
    assert_eq!(
        said(&collector.scan(&questions(&["id.uid", "env.names"]))),
        ["id.uid"]
    );
}

/// A probe that tells when it begins, waits until it is let go, and says if it was stopped.
struct Held {
    probe: Box<dyn Probe>,
    begins: Receiver<String>,
    release: Sender<()>,
    stops: Receiver<bool>,
}

fn held(name: &'static str, facts: &'static [FactId], cost_us: u32) -> Held {
    let ((begun, begins), (release, released), (stopped, stops)) = (channel(), channel(), channel());
    let released = Mutex::new(released);
    let probe = made(
        name,
        facts,
        cost_us,
        Lifetime::Scan,
        move |questions, scope, answers| {
            let thread = thread::current().name().unwrap_or_default().to_owned();
            begun.send(thread).unwrap();
            released.lock().unwrap().recv().unwrap();
            stopped.send(scope.deadline.has_passed()).unwrap();
            all(questions, answers);
        },
    );
    Held {
        probe,
        begins,
        release,
        stops,
    }
}

/// A collector whose clock and timer are `time`.
fn background(probes: Vec<Box<dyn Probe>>, time: &Arc<Time>) -> (Collector, Background) {
    let clock: Arc<dyn Clock> = Arc::clone(time) as Arc<dyn Clock>;
    let collector = Collector::new(probes, clock, Variables::default());
    let background = collector.in_background(Arc::clone(time) as Arc<dyn Timer>);
    (collector, background)
}

fn poll(future: &mut BoxFuture<'_, FactMap>) -> Poll<FactMap> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Waits on this thread until the future is ready.
fn block(mut future: BoxFuture<'_, FactMap>) -> FactMap {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(facts) => return facts,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_scan_is_made_on_a_thread_of_its_own() {
    let held = held("ids", UID, 1);
    let (_, background) = background(vec![held.probe], &Arc::default());
    let mut scan = background.observe(questions(&["id.uid"]));
    assert!(poll(&mut scan).is_pending());
    assert_eq!(held.begins.recv().unwrap(), "attest-scan");
    assert!(poll(&mut scan).is_pending());
    held.release.send(()).unwrap();
    assert!(!held.stops.recv().unwrap());
    assert_eq!(said(&block(scan)), ["id.uid"]);
}

#[test]
fn whoever_no_longer_waits_stops_the_scan() {
    let held = held("ids", UID, 1);
    let (_, background) = background(vec![held.probe], &Arc::default());
    let scan = background.observe(questions(&["id.uid"]));
    held.begins.recv().unwrap();
    drop(scan);
    held.release.send(()).unwrap();
    assert!(held.stops.recv().unwrap());
}

#[test]
fn scans_that_hang_do_not_pile_up() {
    let held = held("ids", UID, 1);
    let (_, background) = background(vec![held.probe], &Arc::default());
    let mut scans: Vec<_> = (0..SCANS_MAX)
        .map(|_| background.observe(questions(&["id.uid"])))
        .collect();
    let mut refused = background.observe(questions(&["id.uid"]));
    assert_eq!(poll(&mut refused), Poll::Ready(FactMap::default()));
    for _ in 0..SCANS_MAX {
        held.begins.recv().unwrap();
        held.release.send(()).unwrap();
        held.stops.recv().unwrap();
    }
    for scan in scans.drain(..) {
        assert_eq!(block(scan).len(), 1);
    }
    held.release.send(()).unwrap();
    assert_eq!(block(background.observe(questions(&["id.uid"]))).len(), 1);
}

#[test]
fn a_scan_ends_although_a_probe_hangs_which_is_then_left_alone() {
    let quick = |name, facts, cost_us| {
        made(name, facts, cost_us, Lifetime::Scan, |questions, _, answers| {
            all(questions, answers)
        })
    };
    let (time, held) = (Arc::<Time>::default(), held("ids", UID, 2));
    let probes = vec![quick("parents", PPID, 1), held.probe, quick("maps", MAPS, 3)];
    let (collector, background) = background(probes, &time);
    let asked = questions(&["id.uid", "id.ppid", "maps.path"]);
    let hangs = || {
        let costs = collector.costs();
        costs
            .iter()
            .find(|cost| cost.probe == "ids")
            .map_or(0, |cost| cost.hangs)
    };

    let mut scan = background.observe(asked.clone());
    held.begins.recv().unwrap();
    time.pass_ms(HUNG_AFTER_MS - 1);
    assert!(poll(&mut scan).is_pending());
    assert!(background.hanging().is_empty());
    time.pass_ms(1);
    let Poll::Ready(facts) = poll(&mut scan) else {
        panic!("it waits for what hangs");
    };
    assert_eq!(said(&facts), ["id.ppid"]);
    drop(scan);
    assert_eq!((background.hanging(), hangs()), (vec!["ids"], 1));

    // Scan after scan is made, and none of them asks it or needs another thread.
    for _ in 0..3 {
        let mut scan = background.observe(asked.clone());
        let facts = loop {
            assert!(held.begins.try_recv().is_err(), "it is asked again");
            match poll(&mut scan) {
                Poll::Ready(facts) => break facts,
                Poll::Pending => thread::yield_now(),
            }
        };
        assert_eq!(said(&facts), ["maps.path", "id.ppid"]);
    }
    assert_eq!((background.hanging(), hangs()), (vec!["ids"], 1));

    // It returns, and is asked again.
    held.release.send(()).unwrap();
    assert!(held.stops.recv().unwrap(), "it is told that it is late");
    while !background.hanging().is_empty() {
        thread::yield_now();
    }
    held.release.send(()).unwrap();
    let facts = block(background.observe(asked));
    assert_eq!(said(&facts), ["maps.path", "id.uid", "id.ppid"]);
}

#[test]
fn while_two_probes_hang_nothing_is_asked() {
    let (time, first, second) = (
        Arc::<Time>::default(),
        held("ids", UID, 1),
        held("parents", PPID, 2),
    );
    let (_, background) = background(vec![first.probe, second.probe], &time);
    let asked = questions(&["id.uid", "id.ppid"]);
    for held in [&first.begins, &second.begins] {
        let scan = background.observe(asked.clone());
        held.recv().unwrap();
        time.pass_ms(HUNG_AFTER_MS);
        assert_eq!(block(scan).len(), 0);
    }
    assert_eq!(background.hanging(), ["ids", "parents"]);
    let mut refused = background.observe(asked.clone());
    assert_eq!(poll(&mut refused), Poll::Ready(FactMap::default()));
    drop(refused);
    // One of them is enough to go on.
    second.release.send(()).unwrap();
    second.stops.recv().unwrap();
    while background.hanging() != ["ids"] {
        thread::yield_now();
    }
    second.release.send(()).unwrap();
    let facts = loop {
        // Its thread is about to end.
        let facts = block(background.observe(asked.clone()));
        if !facts.is_empty() {
            break facts;
        }
    };
    assert_eq!(said(&facts), ["id.ppid"]);
    first.release.send(()).unwrap();
    first.stops.recv().unwrap();
}
