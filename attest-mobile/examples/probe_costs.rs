//! Prints what each native probe takes on this machine, so that the costs that they state can be kept right. Both views of
//! everything are asked, 200 times; what is shown is the median, in microseconds. No APK is mapped here and no property area is
//! there: what `apk` and `properties` state is an estimate.

use std::collections::BTreeMap;
use std::sync::Arc;

use attest_core::facts::{FactRef, View};
use attest_core::policy::Variables;
use attest_mobile::foreign::Clock as _;
use attest_mobile::host::SystemClock;
use attest_mobile::probes::{Collector, Probe};

const ROUNDS: usize = 200;
const WHOLE: &str = "whole scan";

#[cfg(target_os = "linux")]
fn probes() -> Vec<Box<dyn Probe>> {
    attest_mobile::probes::linux::probes()
}

#[cfg(not(target_os = "linux"))]
fn probes() -> Vec<Box<dyn Probe>> {
    Vec::new()
}

#[expect(clippy::print_stdout, reason = "printing is what it is for")]
fn main() -> std::io::Result<()> {
    let home = tempfile::tempdir()?;
    std::fs::create_dir(home.path().join("cache"))?;
    let variables = Variables::default()
        .with("data_dir", home.path().to_string_lossy())
        .with("own_apk", "/etc/passwd");
    let params = |fact: &str| match fact {
        "net.port_banner" => "27042",
        "signal.handler" => "SIGSEGV",
        "env" => "PATH",
        "code.text_memory" | "code.text_disk" | "code.text_intact" => "libc.so.6",
        "path.link_target" => "/proc/self/exe",
        "path.entries" => "/etc",
        "prop" => "ro.product.model",
        _ => "/etc/passwd",
    };
    let questions: Vec<FactRef> = probes()
        .iter()
        .flat_map(|probe| probe.facts().iter().copied())
        .flat_map(|fact| {
            let param = fact.entry().param.map(|_| params(fact.name()));
            let views = fact
                .entry()
                .views
                .iter()
                .filter(|view| matches!(view, View::Libc | View::Syscall));
            views.filter_map(move |view| FactRef::new(fact, param, Some(*view)).ok())
        })
        .collect();
    let mut taken: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let clock = SystemClock::default();
    for _ in 0..ROUNDS {
        // A new one each time has nothing kept.
        let collector = Collector::new(probes(), Arc::new(clock), variables.clone());
        let begun_us = clock.monotonic_us();
        drop(collector.scan(&questions));
        let took_us = clock.monotonic_us().saturating_sub(begun_us);
        taken.entry(WHOLE).or_default().push(took_us);
        for cost in collector.costs() {
            taken.entry(cost.probe).or_default().push(cost.last_us);
        }
    }
    println!("probe         questions  median us  stated us");
    for probe in probes() {
        let asked = questions
            .iter()
            .filter(|question| probe.facts().contains(&question.fact()));
        let median = median(taken.remove(probe.name()));
        println!(
            "{:12} {:10} {median:10} {:10}",
            probe.name(),
            asked.count(),
            probe.cost_us()
        );
    }
    println!(
        "{WHOLE:12} {:10} {:10}",
        questions.len(),
        median(taken.remove(WHOLE))
    );
    Ok(())
}

fn median(taken: Option<Vec<u64>>) -> u64 {
    let mut all = taken.unwrap_or_default();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}
