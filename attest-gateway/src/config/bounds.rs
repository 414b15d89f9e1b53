//! The default and the permitted range of every bound. A bound outside its range is refused, never silently moved.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;

use attest_core::environment::Environment;

use super::{
    Admin, AssertionMode, Attestation, Config, DecisionLog, Keys, Limits, Listen, Log, LogFormat, LogLevel,
    Otlp, PolicySource, Protocol, Proxy, Ratio, RequestLog, StoreConfig, Tls, Upstream, UpstreamProtocol,
};

impl Default for Config {
    fn default() -> Self {
        Self {
            environment: Environment::Production,
            allow_public_development: false,
            listen: Listen::default(),
            keys: Keys::default(),
            store: StoreConfig::default(),
            policy: PolicySource::default(),
            upstreams: Vec::new(),
            limits: Limits::default(),
            attestation: Attestation::default(),
            proxy: Proxy::default(),
            log: Log::default(),
            admin: Admin::default(),
            otlp: Otlp::default(),
            tls: Tls::default(),
            decision_log: DecisionLog::default(),
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            cores: 0,
            base_path: "/.attest/v1".to_owned(),
            protocols: vec![Protocol::H2, Protocol::Http1],
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            directory: "keys".into(),
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            path: "attest.redb".into(),
            queue_len: 4096,
            events_max: 100_000,
            cache_bytes: 64 << 20,
            sweep_interval_s: 5,
        }
    }
}

impl Default for PolicySource {
    fn default() -> Self {
        Self {
            file: "policy.yaml".into(),
            poll_ms: 200,
            repository: None,
            url: None,
            root: None,
            ca_file: None,
            fetch_timeout_ms: 10_000,
        }
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            name: String::new(),
            url: String::new(),
            connect_timeout_ms: 3_000,
            response_header_timeout_ms: 30_000,
            body_idle_timeout_ms: 30_000,
            idle_per_core: 64,
            idle_timeout_ms: 4_000,
            connections_per_core: 1_024,
            preserve_host: false,
            forward_client_tokens: false,
            protocol: UpstreamProtocol::Auto,
            streams_per_connection: 100,
            ping_interval_ms: 15_000,
            upgrade_idle_timeout_ms: 300_000,
            ca_file: None,
            server_name: None,
            client_certificate: None,
            client_key: None,
            assertion: AssertionMode::Off,
            assertion_audience: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 16 << 10,
            head_fields: 100,
            head_timeout_ms: 10_000,
            body_idle_timeout_ms: 10_000,
            body_total_timeout_ms: 300_000,
            write_idle_timeout_ms: 10_000,
            body_max_bytes: 16 << 20,
            connections_max: 16_384,
            drain_s: 25,
            appraisal_workers: 0,
            appraisal_queue: 256,
            single_use_max: 1 << 20,
            rate_sources_max: 1 << 17,
            suspect_verifications_per_second: 100,
            body_rate_min_bytes_per_s: 512,
            write_rate_min_bytes_per_s: 512,
            connections_per_source_max: 2_048,
            requests_per_core_max: 4_096,
            http2_streams_max: 128,
            http2_window_bytes: 256 << 10,
            http2_idle_timeout_ms: 45_000,
            http2_keep_alive_ms: 60_000,
            http2_control_frames_per_s: 200,
            http2_resets_per_s: 20,
            response_total_timeout_ms: 3_600_000,
        }
    }
}

impl Default for Attestation {
    fn default() -> Self {
        Self {
            challenge_ttl_s: 120,
            response_ttl_s: 600,
            evidence_max_bytes: 64 << 10,
            challenges_per_source_per_minute: 3_000,
            enroll_failures_per_source_per_minute: 60,
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            enabled: false,
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081),
            metrics_without_token: false,
            connections_max: 64,
            request_timeout_ms: 10_000,
            body_max_bytes: 16 << 10,
            failures_per_source_per_minute: 30,
            requests_per_token_per_minute: 1_200,
            decisions_per_outcome: 128,
            tls: None,
            tokens: Vec::new(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            format: LogFormat::Text,
            requests: RequestLog::Off,
            sample_ratio: Ratio::from_per_million(10_000),
            queue_len: 8_192,
        }
    }
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            endpoint: None,
            sample_ratio: Ratio::from_per_million(10_000),
            headers_file: None,
            timeout_ms: 5_000,
            service_name: "attest-gateway".to_owned(),
            attributes: std::collections::BTreeMap::new(),
            ca_file: None,
            queue_len: 2_048,
            export_interval_ms: 1_000,
        }
    }
}

/// A key, its value and the values it may have.
pub(super) type Bound = (String, u64, RangeInclusive<u64>);

/// Ten minutes: no wait of this gateway is meant to be longer.
const WAIT_MS: RangeInclusive<u64> = 1..=600_000;
/// Counts that size memory: large enough for any machine, small enough not to overflow one.
const COUNT: RangeInclusive<u64> = 1..=(1 << 32);
/// Up to what a phone on a good network does.
const RATE_BYTES: RangeInclusive<u64> = 1..=(1 << 20);
/// A rate as good as none.
const RATE: RangeInclusive<u64> = 1..=60_000_000;

/// Every numeric bound of `config`.
pub(super) fn all(config: &Config) -> Vec<Bound> {
    let Config {
        listen,
        store,
        policy,
        limits,
        attestation,
        upstreams,
        admin,
        log,
        otlp,
        decision_log,
        ..
    } = config;
    let mut bounds = Vec::new();
    let mut section = |name: &str, keys: &[(&str, u64, RangeInclusive<u64>)]| {
        bounds.extend(
            keys.iter()
                .map(|(key, value, range)| (format!("{name}.{key}"), *value, range.clone())),
        );
    };
    section("listen", &[("cores", count(listen.cores), 0..=1024)]);
    section("store", &of_store(store));
    section(
        "policy",
        &[
            ("poll_ms", policy.poll_ms, 10..=60_000),
            ("fetch_timeout_ms", policy.fetch_timeout_ms, 100..=600_000),
        ],
    );
    section("limits", &of_limits(limits));
    section("attestation", &of_attestation(attestation));
    section("admin", &of_admin(admin));
    section("log", &[("queue_len", count(log.queue_len), 16..=(1 << 20))]);
    section("otlp", &of_otlp(otlp));
    section("decision_log", &decision_log.bounds());
    for (index, upstream) in upstreams.iter().enumerate() {
        section(&format!("upstreams[{index}]"), &of_upstream(upstream));
    }
    bounds
}

fn count(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn of_store(of: &StoreConfig) -> [(&'static str, u64, RangeInclusive<u64>); 4] {
    [
        ("queue_len", count(of.queue_len), 2..=(1 << 20)),
        ("events_max", of.events_max, COUNT),
        ("cache_bytes", count(of.cache_bytes), (1 << 20)..=(1 << 40)),
        ("sweep_interval_s", of.sweep_interval_s, 1..=3600),
    ]
}

fn of_limits(of: &Limits) -> [(&'static str, u64, RangeInclusive<u64>); 25] {
    [
        ("head_bytes", count(of.head_bytes), 8192..=(1 << 20)),
        ("head_fields", count(of.head_fields), 16..=1024),
        ("head_timeout_ms", of.head_timeout_ms, WAIT_MS),
        ("body_idle_timeout_ms", of.body_idle_timeout_ms, WAIT_MS),
        ("body_total_timeout_ms", of.body_total_timeout_ms, 1..=86_400_000),
        ("write_idle_timeout_ms", of.write_idle_timeout_ms, WAIT_MS),
        ("body_max_bytes", of.body_max_bytes, 1..=(1 << 40)),
        ("connections_max", count(of.connections_max), 1..=(1 << 24)),
        ("drain_s", of.drain_s, 1..=3600),
        ("appraisal_workers", count(of.appraisal_workers), 0..=1024),
        ("appraisal_queue", count(of.appraisal_queue), 1..=(1 << 20)),
        ("single_use_max", count(of.single_use_max), COUNT),
        ("rate_sources_max", count(of.rate_sources_max), COUNT),
        (
            "suspect_verifications_per_second",
            of.suspect_verifications_per_second.into(),
            1..=1_000_000,
        ),
        (
            "body_rate_min_bytes_per_s",
            of.body_rate_min_bytes_per_s,
            RATE_BYTES,
        ),
        (
            "write_rate_min_bytes_per_s",
            of.write_rate_min_bytes_per_s,
            RATE_BYTES,
        ),
        (
            "connections_per_source_max",
            count(of.connections_per_source_max),
            1..=(1 << 24),
        ),
        (
            "requests_per_core_max",
            count(of.requests_per_core_max),
            1..=(1 << 24),
        ),
        ("http2_streams_max", of.http2_streams_max.into(), 1..=65_536),
        // What the protocol starts with, up to what it can say.
        (
            "http2_window_bytes",
            of.http2_window_bytes.into(),
            65_535..=(1 << 28),
        ),
        ("http2_idle_timeout_ms", of.http2_idle_timeout_ms, WAIT_MS),
        ("http2_keep_alive_ms", of.http2_keep_alive_ms, 1_000..=3_600_000),
        (
            "http2_control_frames_per_s",
            of.http2_control_frames_per_s,
            10..=1_000_000,
        ),
        ("http2_resets_per_s", of.http2_resets_per_s, 1..=1_000_000),
        (
            "response_total_timeout_ms",
            of.response_total_timeout_ms,
            1..=604_800_000,
        ),
    ]
}

fn of_attestation(of: &Attestation) -> [(&'static str, u64, RangeInclusive<u64>); 5] {
    [
        ("challenge_ttl_s", of.challenge_ttl_s, 5..=600),
        ("response_ttl_s", of.response_ttl_s, 1..=86_400),
        (
            "evidence_max_bytes",
            count(of.evidence_max_bytes),
            4096..=(1 << 20),
        ),
        (
            "challenges_per_source_per_minute",
            of.challenges_per_source_per_minute.into(),
            RATE,
        ),
        (
            "enroll_failures_per_source_per_minute",
            of.enroll_failures_per_source_per_minute.into(),
            RATE,
        ),
    ]
}

fn of_admin(of: &Admin) -> [(&'static str, u64, RangeInclusive<u64>); 6] {
    [
        ("connections_max", count(of.connections_max), 1..=65_536),
        ("request_timeout_ms", of.request_timeout_ms, WAIT_MS),
        ("body_max_bytes", count(of.body_max_bytes), 1024..=(1 << 20)),
        (
            "failures_per_source_per_minute",
            of.failures_per_source_per_minute.into(),
            RATE,
        ),
        (
            "requests_per_token_per_minute",
            of.requests_per_token_per_minute.into(),
            RATE,
        ),
        (
            "decisions_per_outcome",
            count(of.decisions_per_outcome),
            1..=65_536,
        ),
    ]
}

fn of_otlp(of: &Otlp) -> [(&'static str, u64, RangeInclusive<u64>); 3] {
    [
        ("timeout_ms", of.timeout_ms, 1..=60_000),
        ("queue_len", count(of.queue_len), 16..=(1 << 20)),
        ("export_interval_ms", of.export_interval_ms, 1..=60_000),
    ]
}

fn of_upstream(of: &Upstream) -> [(&'static str, u64, RangeInclusive<u64>); 9] {
    [
        ("connect_timeout_ms", of.connect_timeout_ms, WAIT_MS),
        (
            "response_header_timeout_ms",
            of.response_header_timeout_ms,
            WAIT_MS,
        ),
        ("body_idle_timeout_ms", of.body_idle_timeout_ms, WAIT_MS),
        ("idle_per_core", count(of.idle_per_core), 0..=65_536),
        ("idle_timeout_ms", of.idle_timeout_ms, WAIT_MS),
        ("connections_per_core", count(of.connections_per_core), 1..=65_536),
        (
            "streams_per_connection",
            count(of.streams_per_connection),
            1..=1024,
        ),
        ("ping_interval_ms", of.ping_interval_ms, WAIT_MS),
        (
            "upgrade_idle_timeout_ms",
            of.upgrade_idle_timeout_ms,
            1..=86_400_000,
        ),
    ]
}
