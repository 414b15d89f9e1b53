//! The machine: its clock, its disk, and how many files a process may open.

use std::path::Path;
use std::time::UNIX_EPOCH;

use attest_gateway::clock::{Clock as _, SystemClock};
use attest_gateway::config::Config;
use attest_gateway::descriptors;

use super::finding::{Findings, State};
use crate::when;

/// No gateway of this version ran before this: 2025-06-01.
const EARLIEST_S: u64 = 1_748_736_000;
/// A file from so far in the future means that the clock was set back.
const FUTURE_S: u64 = 300;
/// Below it the store cannot even clear up.
const DISK_FAIL_BYTES: u64 = 64 << 20;
/// Below it somebody should look soon.
const DISK_WARN_BYTES: u64 = 1 << 30;

pub(super) fn look(config: &Config, findings: &mut Findings) {
    clock(config, findings);
    disk(config, findings);
    files(config, findings);
}

fn clock(config: &Config, findings: &mut Findings) {
    let now_s = SystemClock::new().now_s();
    let newest = [&config.policy.file, &config.store.path]
        .into_iter()
        .filter_map(|path| modified_s(path))
        .max();
    let mend = "set the clock and keep it by NTP: tokens, tickets and challenges are compared with it";
    if now_s < EARLIEST_S {
        let seen = format!("it is {} here", when::rfc3339(now_s));
        findings.add(State::Fail, "clock", seen, mend);
    } else if let Some(newest) = newest.filter(|newest| *newest > now_s.saturating_add(FUTURE_S)) {
        let seen = format!(
            "it is {} here, but a file was changed at {}",
            when::rfc3339(now_s),
            when::rfc3339(newest)
        );
        findings.add(State::Fail, "clock", seen, mend);
    } else if Path::new("/run/systemd/timesync").is_dir()
        && !Path::new("/run/systemd/timesync/synchronized").exists()
    {
        let seen = "systemd-timesyncd runs but has not set the clock yet";
        findings.add(State::Warn, "clock", seen, mend);
    } else {
        findings.ok("clock", format!("it is {}", when::rfc3339(now_s)));
    }
}

fn modified_s(path: &Path) -> Option<u64> {
    let modified = std::fs::metadata(path).ok()?.modified().ok()?;
    Some(modified.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(unix)]
fn disk(config: &Config, findings: &mut Findings) {
    let folder = config
        .store
        .path
        .parent()
        .filter(|path| !path.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let space = match rustix::fs::statvfs(folder) {
        Ok(space) => space,
        Err(error) => {
            findings.add(State::Fail, "disk", format!("{}: {error}", folder.display()), "");
            return;
        }
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let seen = format!("{} MiB free for {}", free >> 20, config.store.path.display());
    let mend = "make room: without it nobody can enrol or renew";
    match free {
        0..DISK_FAIL_BYTES => findings.add(State::Fail, "disk", seen, mend),
        DISK_FAIL_BYTES..DISK_WARN_BYTES => findings.add(State::Warn, "disk", seen, mend),
        DISK_WARN_BYTES.. => findings.ok("disk", seen),
    }
}

#[cfg(not(unix))]
fn disk(_: &Config, _: &mut Findings) {}

/// What this process may open; a service manager may allow the gateway something else.
#[cfg(unix)]
fn files(config: &Config, findings: &mut Findings) {
    let needed = descriptors::needed(config);
    let allowed = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let seen = |allowed: u64| {
        format!("{allowed} open files allowed here, {needed} needed for every connection that is configured")
    };
    match allowed {
        None => findings.ok("limits", "any number of open files allowed here"),
        Some(allowed) if allowed >= needed => findings.ok("limits", seen(allowed)),
        Some(allowed) => findings.add(
            State::Warn,
            "limits",
            seen(allowed),
            format!(
                "set LimitNOFILE={needed} (systemd; the unit in deploy/ sets 262144) or `ulimit -Hn {needed}`, or lower \
                 limits.connections_max"
            ),
        ),
    }
}

#[cfg(not(unix))]
fn files(_: &Config, _: &mut Findings) {}
