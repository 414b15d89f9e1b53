//! The probes of iOS and the shipped detectors together: what the platform would answer on a phone where something is wrong, which
//! detectors hit by it, and without which probe each of them does not. The families that iOS shares with Android are played by
//! Android's cases, in processes of their own.

use std::collections::BTreeSet;
use std::sync::Arc;

use attest_core::facts::{FactRef, Platform};
use attest_core::policy::{Detection, DetectorSet, Variables};

use super::super::posix;
use super::super::shipped::detectors;
use super::super::sys::{Capped, Errno, View};
use super::super::{Collector, Probe};
use super::app::App;
use super::bundle::Bundle;
use super::executable::Executable;
use super::images::Images;
use super::objc::Classes;
use super::process::Process;
use super::provision::Provision;
use super::tests::{at, kinfo};
use super::threads::Threads;
use crate::foreign::Clock;

/// What ships for iOS, and one that asks what no shipped detector asks.
const PACKS: [&str; 6] = [
    include_str!("../../../../policy/packs/ios/debugger.yaml"),
    include_str!("../../../../policy/packs/ios/hook.yaml"),
    include_str!("../../../../policy/packs/ios/jailbreak.yaml"),
    include_str!("../../../../policy/packs/ios/resigning.yaml"),
    include_str!("../../../../policy/packs/ios/simulator.yaml"),
    "detectors:
      - {id: test.provision, platform: ios, category: repackaging, severity: low, why: w,
         when: {fact: provision.debugging@libc, op: eq, value: true}}",
];

/// A detector that hits, and the probes without any one of which it does not.
type Found = (&'static str, &'static [&'static str]);

/// Somebody started the test, as nobody starts an app.
const ALWAYS: Found = ("debug.ios.parent", &["ios.process"]);

const GENUINE: u32 = 0x2000_0b01;
const BUNDLE: &[u8] =
    b"/private/var/containers/Bundle/Application/01234567-89AB-CDEF-0123-456789ABCDEF/Bank.app";

fn untraced(_: View) -> Result<Vec<u8>, Errno> {
    Ok(kinfo(0x4004, std::process::id()))
}

fn whole(names: &[&[u8]]) -> Result<Capped<Vec<Vec<u8>>>, Errno> {
    Ok(Capped {
        value: names.iter().map(|name| name.to_vec()).collect(),
        truncated: false,
    })
}

/// An app from the store on a phone as it was sold.
fn genuine() -> Vec<Box<dyn Probe>> {
    vec![
        Box::new(App {
            identifier: || Ok(Some(b"com.bank.app".to_vec())),
            path: || Ok(Some(BUNDLE.to_vec())),
        }),
        Box::new(Bundle(|| Ok(at("Frameworks/Bank")))),
        Box::new(Executable(|| Ok(at("Bank")))),
        Box::new(Images(|| {
            whole(&[&[BUNDLE, b"/Bank"].concat(), b"/usr/lib/libSystem.B.dylib"])
        })),
        Box::new(Classes(|_| Ok(false))),
        Box::new(Process {
            process: untraced,
            can_fork: || Ok(false),
            code_signing: |_| Ok(GENUINE),
        }),
        Box::new(Provision(|| Ok(at("Frameworks/Bank")))),
        Box::new(Threads(|| whole(&[b"com.apple.uikit"]))),
    ]
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

/// What hits where these probes answer otherwise than on a genuine phone, without the one of this name.
fn hits(detectors: &DetectorSet, others: fn() -> Vec<Box<dyn Probe>>, without: &str) -> BTreeSet<String> {
    let mut probes = others();
    for probe in genuine() {
        if !probes.iter().any(|other| other.name() == probe.name()) {
            probes.push(probe);
        }
    }
    probes.retain(|probe| probe.name() != without);
    let questions: Vec<FactRef> = detectors.facts().into_iter().cloned().collect();
    let facts = Collector::new(probes, Arc::new(Still), Variables::default()).scan(&questions);
    let hit = detectors
        .scan(&facts)
        .filter(|scanned| scanned.detection == Detection::Hit);
    hit.map(|scanned| scanned.id.to_owned()).collect()
}

struct Case {
    others: fn() -> Vec<Box<dyn Probe>>,
    finds: &'static [Found],
}

const CASES: &[Case] = &[
    Case {
        others: Vec::new,
        finds: &[],
    },
    Case {
        others: || vec![process(|_| Ok(kinfo(0x4804, std::process::id())), false, GENUINE)],
        finds: &[("debug.ios.traced", &["ios.process"])],
    },
    Case {
        others: || {
            let hidden = |view| match view {
                View::Libc => untraced(view),
                View::Syscall => Ok(kinfo(0x4804, std::process::id())),
            };
            vec![process(hidden, false, GENUINE)]
        },
        finds: &[
            ("debug.ios.traced", &["ios.process"]),
            ("debug.ios.traced_hidden", &["ios.process"]),
        ],
    },
    Case {
        others: || vec![process(untraced, true, 0x1000_0005)],
        finds: &[
            ("debug.ios.cs_debugged", &["ios.process"]),
            ("jailbreak.fork", &["ios.process"]),
            ("resign.get_task_allow", &["ios.process"]),
        ],
    },
    Case {
        others: || {
            vec![Box::new(Images(|| {
                whole(&[b"/var/jb/usr/lib/frida-agent.dylib"])
            }))]
        },
        finds: &[
            ("hook.ios.images", &["ios.images"]),
            ("hook.ios.tools", &["ios.images"]),
        ],
    },
    Case {
        others: || vec![Box::new(Classes(|name| Ok(name == "ShadowRuleset")))],
        finds: &[("hook.ios.classes", &["ios.objc"])],
    },
    Case {
        others: || vec![Box::new(Threads(|| whole(&[b"com.apple.uikit", b"gum-js-loop"])))],
        finds: &[("hook.ios.frida_threads", &["ios.threads"])],
    },
    Case {
        others: || {
            vec![Box::new(App {
                identifier: || Ok(Some(b"com.bank.app".to_vec())),
                path: || Ok(Some(b"/private/CoreSimulator/Devices/1/Bank.app".to_vec())),
            })]
        },
        finds: &[
            ("resign.bundle_path", &["ios.app"]),
            ("simulator.paths", &["ios.app"]),
        ],
    },
    Case {
        others: || {
            vec![Box::new(App {
                identifier: || Ok(Some(b"com.bank.app.copy".to_vec())),
                path: || Ok(Some(BUNDLE.to_vec())),
            })]
        },
        finds: &[("resign.bundle_id", &["ios.app"])],
    },
    Case {
        others: || vec![Box::new(Executable(|| Ok(at("Dumped"))))],
        finds: &[("resign.cryptid", &["ios.executable"])],
    },
    Case {
        others: || vec![Box::new(Bundle(|| Ok(at("Bank"))))],
        finds: &[("resign.provision", &["ios.bundle", "ios.executable"])],
    },
    Case {
        others: || vec![Box::new(Provision(|| Ok(at("Bank"))))],
        finds: &[("test.provision", &["ios.provision"])],
    },
];

fn process(process: fn(View) -> Result<Vec<u8>, Errno>, forks: bool, flags: u32) -> Box<dyn Probe> {
    let code_signing = if flags == GENUINE {
        |_| Ok(GENUINE)
    } else {
        |_| Ok(0x1000_0005)
    };
    let can_fork = if forks { || Ok(true) } else { || Ok(false) };
    Box::new(Process {
        process,
        can_fork,
        code_signing,
    })
}

#[test]
fn each_detector_hits_and_misses_without_the_probes_that_it_needs() {
    let app = [("apps.teams", "TEAM123456"), ("apps.bundles", "com.bank.app")];
    let detectors = detectors(Platform::Ios, &PACKS, &app, &Variables::default());
    for (at, case) in CASES.iter().enumerate() {
        let finds = || case.finds.iter().chain([&ALWAYS]);
        let needed: BTreeSet<&str> = finds().flat_map(|(_, probes)| *probes).copied().collect();
        for without in needed.into_iter().chain(["-"]) {
            let hit = finds().filter(|(_, probes)| !probes.contains(&without));
            let expect: BTreeSet<String> = hit.map(|(id, _)| (*id).to_owned()).collect();
            let told = hits(&detectors, case.others, without);
            assert_eq!(told, expect, "case {at} without `{without}`");
        }
    }
}

#[test]
fn every_probe_is_needed_by_a_case() {
    let finds = CASES.iter().flat_map(|case| case.finds.iter());
    let needed: BTreeSet<&str> = finds.flat_map(|(_, probes)| *probes).copied().collect();
    let shared: BTreeSet<&str> = posix::probes().iter().map(|probe| probe.name()).collect();
    let all = super::probes();
    let own = all
        .iter()
        .map(|probe| probe.name())
        .filter(|name| !shared.contains(name));
    assert_eq!(own.collect::<BTreeSet<_>>(), needed);
}
