//! One scrape: every family of docs/operations.md, summed over the cores.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use super::histogram::Recorded;
use super::page::Page;
use super::{CoreMetrics, Metrics, locked, process};
use crate::gateway::Gateway;
use crate::runtime::RunningView;
use crate::tally::Passed;

/// The page that Prometheus reads.
#[must_use]
pub fn scrape(gateway: &Gateway, running: &RunningView, devices: Option<u64>) -> String {
    let metrics = gateway.metrics();
    let cores = metrics.cores();
    let mut page = Page::default();
    requests(&mut page, &cores);
    upstreams(&mut page, &cores);
    connections(&mut page, gateway, running);
    attestation(&mut page, gateway, devices);
    state(&mut page, gateway);
    policy_and_keys(&mut page, gateway);
    admin(&mut page, metrics);
    of_process(&mut page, metrics);
    page.into_text()
}

fn requests(page: &mut Page, cores: &[std::sync::Arc<CoreMetrics>]) {
    let mut admitted: BTreeMap<(String, &str), u64> = BTreeMap::new();
    let mut refused: BTreeMap<(String, &str), u64> = BTreeMap::new();
    let mut took = Recorded::default();
    let (mut shadow, mut upgraded) = (0, 0);
    for core in cores {
        core.requests.add_to(&mut took);
        shadow += core.tally.passed(Passed::Shadow);
        upgraded += core.tally.passed(Passed::Upgraded);
        for (code, count) in core.unrouted.counted() {
            *refused.entry((String::new(), code.as_str())).or_default() += count;
        }
        for route in locked(&core.routes).iter() {
            for (decision, count) in ["allow", "none", "public"].into_iter().zip(&route.admitted) {
                *admitted.entry((route.id.clone(), decision)).or_default() += count.load(Relaxed);
            }
            for (code, count) in route.refused.counted() {
                *refused.entry((route.id.clone(), code.as_str())).or_default() += count;
            }
        }
    }
    page.counters(
        "attest_requests_admitted_total",
        "Requests forwarded, by route and decision: allow, none (observed without a good token), public.",
        admitted
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|((route, decision), count)| {
                (vec![("route", route.as_str()), ("decision", decision)], *count)
            }),
    );
    page.counters(
        "attest_requests_refused_total",
        "Requests and calls refused, by route (empty if none matched) and code.",
        refused
            .iter()
            .map(|((route, code), count)| (vec![("route", route.as_str()), ("code", code)], *count)),
    );
    page.counter(
        "attest_requests_shadow_total",
        "Requests for which a rule in shadow would have decided otherwise.",
        shadow,
    );
    page.counter(
        "attest_upgrades_total",
        "Connections that became WebSocket tunnels.",
        upgraded,
    );
    page.histograms(
        "attest_request_duration_seconds",
        "From a request's head to its response's head, upstream included.",
        [(vec![], took)],
    );
}

fn upstreams(page: &mut Page, cores: &[std::sync::Arc<CoreMetrics>]) {
    const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    let mut took: BTreeMap<&str, Recorded> = BTreeMap::new();
    let mut classes: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut errors: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for upstream in cores.iter().flat_map(|core| &core.upstreams) {
        let name = upstream.name.as_str();
        upstream.responses.add_to(took.entry(name).or_default());
        for (class, count) in CLASSES.into_iter().zip(&upstream.classes) {
            *classes.entry((name, class)).or_default() += count.load(Relaxed);
        }
        for (code, count) in locked(&upstream.errors).iter() {
            *errors.entry((name, *code)).or_default() += count;
        }
    }
    page.histograms(
        "attest_upstream_duration_seconds",
        "From the sending of a request to its response's head, by upstream.",
        took.into_iter()
            .map(|(name, took)| (vec![("upstream", name)], took)),
    );
    page.counters(
        "attest_upstream_responses_total",
        "Responses by upstream and class of status.",
        classes
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|((name, class), count)| (vec![("upstream", name), ("class", class)], count)),
    );
    page.counters(
        "attest_upstream_errors_total",
        "Requests that got no response, by upstream and code.",
        errors
            .into_iter()
            .map(|((name, code), count)| (vec![("upstream", name), ("code", code)], count)),
    );
}

fn connections(page: &mut Page, gateway: &Gateway, running: &RunningView) {
    let open = u64::try_from(running.connections()).unwrap_or(u64::MAX);
    page.gauge("attest_connections_open", "Open client connections.", open);
    page.counter(
        "attest_connections_refused_total",
        "Client connections closed at once because there were too many.",
        running.connections_refused(),
    );
    page.counter(
        "attest_connections_evicted_total",
        "Client connections without an authentic token that were closed to make room for another one.",
        running.connections_evicted(),
    );
    page.counter(
        "attest_connections_flooding_total",
        "HTTP/2 connections closed because of more frames or streams than any client needs.",
        running.connections_flooding(),
    );
    page.gauge(
        "attest_draining",
        "1 while the gateway finishes its last requests.",
        u64::from(running.is_draining()),
    );
    let admin = gateway.metrics().admin_tls();
    let (failed, expires) = gateway.tls().map_or((0, 0), |tls| {
        (tls.handshakes_failed(), tls.certificate_expires_s())
    });
    let listeners = [
        ("client", failed, expires),
        (
            "admin",
            admin.handshakes_failed.load(Relaxed),
            admin.expires_at_s.load(Relaxed),
        ),
    ];
    page.counters(
        "attest_tls_handshakes_failed_total",
        "TLS handshakes that failed, by listener.",
        listeners
            .iter()
            .map(|(name, failed, _)| (vec![("listener", *name)], *failed)),
    );
    page.gauges(
        "attest_certificate_expiry_timestamp_seconds",
        "When the listener's certificate expires, Unix seconds.",
        listeners
            .iter()
            .filter(|(_, _, expires)| *expires > 0)
            .map(|(name, _, expires)| (vec![("listener", *name)], *expires)),
    );
}

fn attestation(page: &mut Page, gateway: &Gateway, devices: Option<u64>) {
    let tally = gateway.tally();
    page.counter(
        "attest_enrolments_total",
        "Devices enrolled, first and repeated enrolments.",
        tally.passed(Passed::Enrolled),
    );
    page.counter(
        "attest_renewals_total",
        "Sessions renewed.",
        tally.passed(Passed::Renewed),
    );
    page.gauge("attest_devices", "Registered devices.", devices);
    page.gauge(
        "attest_appraisal_queue_length",
        "Appraisals that wait for a thread.",
        gateway.pool.waiting(),
    );
    page.gauge(
        "attest_appraisal_queue_capacity",
        "Appraisals that may wait before clients are told `later`.",
        u64::try_from(gateway.live().config.limits.appraisal_queue).ok(),
    );
    let mut took = Recorded::default();
    gateway.pool.durations().add_to(&mut took);
    page.histograms(
        "attest_appraisal_duration_seconds",
        "One job of the appraisal pool, waiting included.",
        [(vec![], took)],
    );
}

fn state(page: &mut Page, gateway: &Gateway) {
    let load = gateway.store.load();
    page.gauge(
        "attest_store_queue_length",
        "Calls that wait for the store.",
        load.waiting,
    );
    page.gauge(
        "attest_store_queue_capacity",
        "Calls that may wait for the store before callers are told `later`.",
        u64::try_from(gateway.live().config.store.queue_len).ok(),
    );
    page.counter(
        "attest_store_busy_total",
        "Calls refused because the store's queue was full.",
        load.busy,
    );
    page.counter(
        "attest_store_failures_total",
        "Commits of the store that failed.",
        load.failures,
    );
    page.counter(
        "attest_store_events_dropped_total",
        "Events lost because they came faster than the disk takes them.",
        gateway.store.events_dropped(),
    );
    if let Some(log) = gateway.decision_log() {
        page.counter(
            "attest_decision_log_lines_total",
            "Decisions written to the decision log.",
            log.written(),
        );
        page.counter(
            "attest_decision_log_dropped_total",
            "Decisions lost to the decision log, because the disk was slow, full or away.",
            log.dropped(),
        );
    }
    page.gauge(
        "attest_bans",
        "Bans and cut sessions in force or not yet swept.",
        count(gateway.bans.current().len()),
    );
    page.gauge(
        "attest_single_use_tokens",
        "Single-use tokens remembered.",
        count(gateway.single_use.len()),
    );
    page.gauge(
        "attest_single_use_capacity",
        "Single-use tokens that can be remembered; a full set refuses.",
        count(gateway.live().config.limits.single_use_max),
    );
    page.gauge(
        "attest_rate_sources",
        "Sources and devices whose rate is being counted.",
        count(gateway.rates.counted(gateway.clock.monotonic_ms())),
    );
    page.gauge(
        "attest_rate_sources_capacity",
        "Sources and devices whose rate can be counted; the least limited make room.",
        count(gateway.live().config.limits.rate_sources_max),
    );
}

fn policy_and_keys(page: &mut Page, gateway: &Gateway) {
    let metrics = gateway.metrics();
    page.gauge(
        "attest_policy_version",
        "The policy in force.",
        gateway.policies.active().version(),
    );
    page.gauge(
        "attest_policy_activated_timestamp_seconds",
        "Since when it is in force in this process, Unix seconds.",
        metrics.policy_since_s(),
    );
    page.counter(
        "attest_policy_refused_total",
        "Policy files that were refused while the last good one stayed.",
        metrics.policy_refused.load(Relaxed),
    );
    page.gauge(
        "attest_policy_problem",
        "1 while the policy file is not the policy in force.",
        u64::from(gateway.policies.status().problem.is_some()),
    );
    followed(page, gateway);
    let active = gateway.policies.active();
    page.gauge(
        "attest_policy_expires_timestamp_seconds",
        "When the policy in force becomes stale, Unix seconds; 0 if never.",
        active.expires_at_s().unwrap_or_default(),
    );
    page.gauge(
        "attest_policy_stale",
        "1 while the policy in force is past its end.",
        u64::from(active.is_stale(gateway.clock.now_s())),
    );
    page.gauge(
        "attest_policy_killed",
        "Detectors and rules that the policy's kill switch names.",
        count(active.compiled().policy().kill_switch.len()),
    );
    let listed = gateway.revocations.active();
    page.gauge(
        "attest_revocation_list_entries",
        "Certificates on the revocation list in force.",
        listed.as_ref().map_or(0, |listed| count(listed.list.len())),
    );
    page.gauge(
        "attest_revocation_list_timestamp_seconds",
        "When the revocation list in force was written, Unix seconds; 0 without a list.",
        listed.as_ref().map_or(0, |listed| listed.as_of_s),
    );
    page.gauge(
        "attest_revocation_list_problem",
        "1 while the file that policy names is not the revocation list in force.",
        u64::from(gateway.revocations.problem().is_some()),
    );
    let live = gateway.live();
    let keys = &live.keys;
    let generations = [("ticket", &keys.ticket), ("support", &keys.support)];
    page.gauges(
        "attest_key_generation",
        "The generation that new tickets and support codes are made under.",
        generations
            .iter()
            .map(|(name, generations)| (vec![("key", *name)], generations.current.into())),
    );
    page.gauges(
        "attest_key_generations_accepted",
        "Generations that are accepted.",
        generations
            .iter()
            .map(|(name, generations)| (vec![("key", *name)], count(generations.accepted.len()))),
    );
    page.gauge(
        "attest_ticket_epoch",
        "The epoch under whose key tickets are sealed now.",
        u64::from(attest_core::ticket::epoch_of(gateway.clock.now_s())),
    );
}

fn followed(page: &mut Page, gateway: &Gateway) {
    let verdicts = locked(&gateway.metrics().policy_verdicts).clone();
    page.counters(
        "attest_policy_verdicts_total",
        "What became of offered policies and brakes of a signed repository, by verdict and code.",
        verdicts
            .iter()
            .map(|((verdict, code), count)| (vec![("verdict", *verdict), ("code", code.as_str())], *count)),
    );
    let status = gateway.policies.status();
    let followed = status.followed.as_ref();
    page.gauge(
        "attest_policy_metadata_expires_timestamp_seconds",
        "When the first metadata of the signed repository in force expires, Unix seconds; 0 without one.",
        followed.map_or(0, |followed| followed.metadata_expires_at_s),
    );
    let brake = followed.and_then(|followed| followed.brake.as_ref());
    page.gauge(
        "attest_policy_brake_rules",
        "Rules that a brake relaxes now.",
        brake.map_or(0, |brake| count(brake.rules.len())),
    );
    page.gauge(
        "attest_policy_brake_expires_timestamp_seconds",
        "When the brake in force ends by itself, Unix seconds; 0 without one.",
        brake.map_or(0, |brake| brake.expires_at_s),
    );
}

fn admin(page: &mut Page, metrics: &Metrics) {
    let answered = locked(&metrics.admin).clone();
    let answered: Vec<_> = answered
        .into_iter()
        .map(|((operation, status), count)| (operation, status.to_string(), count))
        .collect();
    page.counters(
        "attest_admin_requests_total",
        "Answers of the admin listener, by operation (empty if there is none) and status.",
        answered.iter().map(|(operation, status, count)| {
            (
                vec![("operation", *operation), ("status", status.as_str())],
                *count,
            )
        }),
    );
}

fn of_process(page: &mut Page, metrics: &Metrics) {
    page.gauges(
        "attest_build_info",
        "1, with the version as label.",
        [(vec![("version", env!("CARGO_PKG_VERSION"))], 1)],
    );
    page.gauge(
        "process_start_time_seconds",
        "When the gateway was assembled, Unix seconds.",
        metrics.started_at_s(),
    );
    page.counters(
        "process_cpu_seconds_total",
        "CPU time used, whole seconds.",
        process::cpu_s().map(|seconds| (vec![], seconds)),
    );
    page.gauge(
        "process_resident_memory_bytes",
        "Memory in use.",
        process::resident_bytes(),
    );
    page.gauge("process_open_fds", "Open file descriptors.", process::open_fds());
    page.gauge(
        "process_max_fds",
        "File descriptors that may be open.",
        process::max_fds(),
    );
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
