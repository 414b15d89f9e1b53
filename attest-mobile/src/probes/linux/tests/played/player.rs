//! The process that plays: it does what it is told, then looks at itself as the SDK would and says what the detectors found.

use std::fs::File;
use std::io::stdin;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use std::collections::BTreeMap;

use attest_core::facts::{FactRef, Platform};
use attest_core::policy::{Detection, Detector, DetectorSet, Scope, Side, Variables};
use serde::Deserialize;

use super::phone::ROLE;
use crate::foreign::Clock;
use crate::probes::{Collector, linux};

/// What ships for Android and asks these probes.
const PACKS: [&str; 4] = [
    include_str!("../../../../../../policy/packs/android/cloner.yaml"),
    include_str!("../../../../../../policy/packs/android/debugger.yaml"),
    include_str!("../../../../../../policy/packs/android/hook.yaml"),
    include_str!("../../../../../../policy/packs/android/root.yaml"),
];

/// What a phone gets of a pack.
#[derive(Deserialize)]
struct Pack {
    detectors: Vec<serde_json::Value>,
    #[serde(default)]
    lists: BTreeMap<String, Vec<String>>,
}

/// What is for people only stays with the gateway.
fn detector(mut source: serde_json::Value) -> Detector {
    let members = source.as_object_mut().unwrap();
    members.remove("false_positives");
    members.remove("evasion");
    serde_json::from_value(source).unwrap()
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

fn told(setting: &str) -> Vec<String> {
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
    let _mapped: Vec<File> = told("map").iter().chain(own).map(|path| mapped(path)).collect();
    let _open: Vec<File> = told("open")
        .iter()
        .map(|path| File::open(path).unwrap())
        .collect();
    let (begun, begins) = channel();
    let stops: Vec<_> = told("threads")
        .into_iter()
        .map(|name| {
            let (stop, stopped) = channel::<()>();
            let begun = begun.clone();
            let wait = move || {
                begun.send(()).unwrap();
                stopped.recv().ok();
            };
            drop(thread::Builder::new().name(name).spawn(wait).unwrap());
            begins.recv().unwrap();
            stop
        })
        .collect();

    let variables = Variables::default()
        .with("package", "com.bank.app")
        .with("user_id", "0")
        .with("uid", "10123")
        .with("data_dir", home)
        .with("own_apk", apk);
    let packs = PACKS.map(|pack| serde_saphyr::from_str::<Pack>(pack).unwrap());
    let mut lists = BTreeMap::new();
    let mut shipped = Vec::new();
    for pack in packs {
        lists.extend(pack.lists);
        shipped.extend(pack.detectors.into_iter().map(detector));
    }
    let detectors = DetectorSet::compile(
        &shipped,
        Platform::Android,
        &Scope::new(Side::Device(Platform::Android), &lists, variables.clone()),
    )
    .unwrap();
    let questions: Vec<FactRef> = detectors.facts().into_iter().cloned().collect();
    let facts = Collector::new(linux::probes(), Arc::new(Still), variables).scan(&questions);
    for scanned in detectors.scan(&facts) {
        if scanned.detection == Detection::Hit {
            println!("hit {}", scanned.id);
        }
    }
    println!("scanned");
    drop(stops);
}

/// Maps a file until the process ends.
#[expect(unsafe_code, reason = "a mapping is what is looked for")]
fn mapped(path: &str) -> File {
    let file = File::open(path).unwrap();
    let (rights, kind) = (libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE);
    // SAFETY: a new mapping, of which nothing is read.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, rights, kind, file.as_raw_fd(), 0) };
    assert_ne!(at, libc::MAP_FAILED);
    file
}
