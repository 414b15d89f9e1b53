//! The process that plays: it does what it is told, then looks at itself as the SDK would and says what the detectors found.

use std::collections::BTreeMap;
use std::io::stdin;
use std::path::Path;
use std::sync::Arc;

use attest_core::facts::{FactId, FactRef, Platform, Value, View};
use attest_core::policy::{Detection, Variables};

use super::acts;
use super::phone::{ROLE, WHOLE};
use crate::foreign::Clock;
use crate::probes::posix::net::Net;
use crate::probes::shipped::detectors;
use crate::probes::{Answers, Collector, Lifetime, Probe, Scope, linux, view_of};

/// What ships for Android.
const PACKS: [&str; 6] = [
    include_str!("../../../../../../policy/packs/android/cloner.yaml"),
    include_str!("../../../../../../policy/packs/android/debugger.yaml"),
    include_str!("../../../../../../policy/packs/android/emulator.yaml"),
    include_str!("../../../../../../policy/packs/android/hook.yaml"),
    include_str!("../../../../../../policy/packs/android/repackaging.yaml"),
    include_str!("../../../../../../policy/packs/android/root.yaml"),
];

/// The name of [`Said`].
pub(super) const JAVA: &str = "java";

/// What Java would say, in the words of the test: there is no virtual machine here. `attest-mobile/android` asks a real one.
struct Said(BTreeMap<FactRef, String>);

impl Probe for Said {
    fn name(&self) -> &'static str {
        JAVA
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::PROP]
    }

    fn cost_us(&self) -> u32 {
        1
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn takes(&self, question: &FactRef) -> bool {
        view_of(question) == Some(View::Java)
    }

    fn answer(&self, questions: &[&FactRef], _: &Scope<'_>, answers: &mut Answers) {
        for question in questions {
            if let Some(said) = self.0.get(question) {
                answers.put(question, Value::Text(said.clone()));
            }
        }
    }
}

/// All probes but this one.
fn probes_without(name: &str) -> Vec<Box<dyn Probe>> {
    let said = told(JAVA)
        .iter()
        .map(|said| {
            let (question, answer) = said.split_once('=').unwrap();
            (question.parse().unwrap(), answer.to_owned())
        })
        .collect();
    let mut probes = linux::probes();
    // Here a port that answers may be slow to do so.
    let patient: Box<dyn Probe> = Box::new(Net::with_patience(60_000));
    probes.retain(|probe| probe.name() != patient.name());
    probes.push(patient);
    probes.push(Box::new(Said(said)));
    let all = probes.len();
    probes.retain(|probe| probe.name() != name);
    assert_eq!(probes.len() < all, name != WHOLE, "there is no probe `{name}`");
    probes
}

/// Time stands still: what is tested is what is found, not how fast.
struct Still;

impl Clock for Still {
    fn wall_s(&self) -> u64 {
        0
    }

    fn monotonic_ms(&self) -> u64 {
        0
    }
}

/// The parts of a setting.
pub(super) fn told(setting: &str) -> Vec<String> {
    let value = std::env::var(format!("{ROLE}{setting}")).unwrap_or_default();
    value
        .split(',')
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Does nothing unless it is told what to play.
#[test]
fn plays() {
    let Some(home) = told("data_dir").into_iter().next() else {
        return;
    };
    println!("ready");
    stdin().read_line(&mut String::new()).unwrap();
    let apk = told("apk").remove(0);
    let own = Some(&apk).filter(|apk| Path::new(apk).exists());
    let played = acts::play(own.map(String::as_str));
    let variables = Variables::default()
        .with("package", "com.bank.app")
        .with("user_id", "0")
        .with("uid", "10123")
        .with("data_dir", home)
        .with("own_apk", apk);
    let zeros = "00".repeat(32);
    let app = [
        ("apps.packages", "com.bank.app"),
        ("apps.signers", zeros.as_str()),
    ];
    let detectors = detectors(Platform::Android, &PACKS, &app, &variables);
    let questions: Vec<FactRef> = detectors.facts().into_iter().cloned().collect();
    for without in told("without").iter().map(String::as_str).chain([WHOLE]) {
        let collector = Collector::new(probes_without(without), Arc::new(Still), variables.clone());
        let facts = collector.scan(&questions);
        for scanned in detectors.scan(&facts) {
            if scanned.detection == Detection::Hit {
                println!("hit {without} {}", scanned.id);
            }
        }
    }
    println!("scanned");
    drop(played);
}
