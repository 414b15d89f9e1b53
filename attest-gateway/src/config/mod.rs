//! `attest.toml`: what one gateway process is told by its operator. Policy is elsewhere; nothing here decides a request.
//!
//! A configuration either loads whole or is refused with every problem it has, each with its line: no key is ever ignored,
//! no bound is ever absent. Every bound has a default, and the reason for it beside it.

mod admin;
mod bounds;
mod decision_log;
mod effect;
mod problems;
mod ratio;
mod reference;
mod semantics;
mod template;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use attest_core::environment::Environment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use admin::from_hex;
pub use admin::{Admin, AdminTls, AdminToken, Scope};
pub use decision_log::{DecisionLog, Recorded, RecordedFacts};
pub use effect::{MergeError, Merged};
pub use problems::ConfigProblem;
pub use ratio::Ratio;
pub use semantics::{IpRange, IpRangeError};

/// A whole `attest.toml`.
///
/// A setting marked `x-live`, or in a section that is, takes effect when the gateway is told to reload; every other one waits
/// for a restart. The mark is the only place that says so: reloading and the reference read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Bound into challenges, tickets and attestations. Required: nobody should be in production, or not, by omission.
    pub environment: Environment,
    /// Lets a development gateway listen beyond loopback. Off: its software evidence would be accepted from anywhere.
    pub allow_public_development: bool,
    /// Where clients connect.
    pub listen: Listen,
    /// Where the gateway's secrets are.
    pub keys: Keys,
    /// Where the gateway's state is.
    pub store: StoreConfig,
    /// Where its policy is.
    pub policy: PolicySource,
    /// The backends that policy's routes name.
    pub upstreams: Vec<Upstream>,
    /// What one client, and all of them, may cost.
    pub limits: Limits,
    /// The attestation service.
    #[schemars(extend("x-live" = true))]
    pub attestation: Attestation,
    /// Proxies in front of this gateway.
    #[schemars(extend("x-live" = true))]
    pub proxy: Proxy,
    /// What is logged.
    pub log: Log,
    /// The listener for operators.
    pub admin: Admin,
    /// Where traces go.
    pub otlp: Otlp,
    /// TLS towards clients.
    pub tls: Tls,
    /// What rules decided, for later questions.
    pub decision_log: DecisionLog,
}

/// `[listen]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// Address and port. Loopback, so that exposure is a decision; port 0 takes a free one.
    pub address: SocketAddr,
    /// Threads that serve requests; 0 is one for each core.
    pub cores: usize,
    /// Path under which the attestation service answers. Well known to the SDK, changed only where it collides.
    pub base_path: String,
    /// What is spoken with clients: under TLS offered by ALPN in this order, in cleartext told apart by the first bytes.
    /// Never empty; `h2c` by `Upgrade` is not among them and never honoured.
    pub protocols: Vec<Protocol>,
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Protocol {
    /// HTTP/2: under TLS by ALPN, in cleartext by prior knowledge.
    #[serde(rename = "h2")]
    H2,
    /// HTTP/1.1, and 1.0 from clients that speak no better.
    #[serde(rename = "http/1.1")]
    Http1,
}

/// `[tls]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Chains and their keys. None: no TLS. A client gets the one that names the server it asks for, or else the first.
    /// Files that change are read again; until they are sound the old ones stay.
    pub certificates: Vec<CertificateFiles>,
    /// Whether clients show a certificate, too.
    pub client_auth: ClientAuth,
    /// PEM file of the authorities that sign clients' certificates.
    pub client_ca: Option<PathBuf>,
}

/// One certificate of `[tls]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CertificateFiles {
    /// PEM file of the chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
}

/// Whether clients show a certificate in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// They are not asked: phones have none.
    #[default]
    Off,
    /// They may; one that is shown must verify.
    Optional,
    /// Without one there is no connection.
    Required,
}

/// `[keys]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// Folder of the key files, made by `attest gateway init`.
    pub directory: PathBuf,
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// The embedded store's file; its folder must exist.
    pub path: PathBuf,
    /// Calls waiting for the disk before callers are told `later`: about a second's worth on a slow disk.
    pub queue_len: usize,
    /// Events kept, about 200 bytes each: 20 MB.
    pub events_max: u64,
    /// Memory for the file's pages: the working set of some 100 000 devices.
    pub cache_bytes: usize,
    /// Pause between sweeps of what expired: short, because one sweep is bounded.
    #[schemars(extend("x-live" = true))]
    pub sweep_interval_s: u64,
}

/// `[policy]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySource {
    /// The YAML source, for development only: the gateway signs it itself. Instead of it `repository` or `url`.
    pub file: PathBuf,
    /// How often the source is looked at: a new policy acts within a second, a look at a file or folder costs microseconds. A web
    /// server that waits with its answer (`Prefer: wait`) is not asked more often for it.
    #[schemars(extend("x-live" = true))]
    pub poll_ms: u64,
    /// The folder of a signed repository (`metadata/` and `targets/`). Watched: what is put there acts by itself.
    pub repository: Option<PathBuf>,
    /// The address of a signed repository on a web server, the folder with `metadata/` and `targets/`. In clear only from this
    /// machine: gateway rules are nobody's business.
    pub url: Option<String>,
    /// The root metadata that the repository is trusted by, needed with `repository` and `url`. Later roots follow from it.
    pub root: Option<PathBuf>,
    /// The authorities of the certificate behind `url`, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The longest that one file of `url` may take: a server that drips is left, and asked again.
    pub fetch_timeout_ms: u64,
}

/// Where policy comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyOrigin<'a> {
    /// A watched YAML file, signed by the gateway itself.
    File(&'a Path),
    /// A watched folder with a signed repository.
    Directory(&'a Path),
    /// A signed repository on a web server.
    Url(&'a str),
}

impl PolicySource {
    /// Where policy comes from.
    #[must_use]
    pub fn origin(&self) -> PolicyOrigin<'_> {
        match (&self.repository, &self.url) {
            (Some(folder), _) => PolicyOrigin::Directory(folder),
            (None, Some(url)) => PolicyOrigin::Url(url),
            (None, None) => PolicyOrigin::File(&self.file),
        }
    }
}

/// `[[upstreams]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Upstream {
    /// The name that routes use.
    pub name: String,
    /// `http://host:port` or `https://host:port`, without a path.
    pub url: String,
    /// Time to connect: three lost SYNs would take longer, and a client would rather hear 503.
    pub connect_timeout_ms: u64,
    /// Time from the request's last byte to the response's head: slower than any sane payment, faster than a phone gives up.
    pub response_header_timeout_ms: u64,
    /// Longest pause inside a response's body: a stream that stalls longer is dead.
    pub body_idle_timeout_ms: u64,
    /// Idle connections kept by each core: enough for a busy core, few enough for a backend with many gateways.
    pub idle_per_core: usize,
    /// How long one is kept: below the 5 s after which common backends (Node.js) close theirs, because a request that meets
    /// a closing connection is never sent twice.
    pub idle_timeout_ms: u64,
    /// Open connections of each core, idle ones included: what keeps a slow backend from eating every socket. The last quarter
    /// serves only requests that a token vouches for, so that slow clients without one do not keep genuine phones out.
    pub connections_per_core: usize,
    /// Sends the client's `Host` instead of the upstream's own name. Off: backends route by the name they know.
    pub preserve_host: bool,
    /// Sends the client's tokens on. Off: a backend that logs headers would log them.
    pub forward_client_tokens: bool,
    /// What is spoken to it. What it does not speak is an error, never another protocol.
    pub protocol: UpstreamProtocol,
    /// Requests at once on one HTTP/2 connection: what common backends accept; beyond, another connection is opened.
    pub streams_per_connection: usize,
    /// Quiet time after which a busy HTTP/2 connection is pinged, and time to answer: a backend that vanished is noticed
    /// before clients give up.
    pub ping_interval_ms: u64,
    /// Longest quiet of an upgraded connection (WebSocket): beyond what applications ping at, so that only dead ones end.
    pub upgrade_idle_timeout_ms: u64,
    /// PEM file of the authorities that its certificate is verified against, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The name in its certificate, where that is not the host of `url`.
    pub server_name: Option<String>,
    /// PEM file of the certificate chain that the gateway shows it.
    pub client_certificate: Option<PathBuf>,
    /// PEM file of that certificate's private key.
    pub client_key: Option<PathBuf>,
    /// Whether it gets a signed `Attest-Assertion` with requests that a token vouches for. Off: a backend that only the
    /// gateway reaches can believe the plain headers.
    pub assertion: AssertionMode,
    /// The `aud` of those assertions, where that is not the upstream's name.
    pub assertion_audience: Option<String>,
}

/// The protocol that an upstream is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: by ALPN under TLS, by prior knowledge without.
    Http2,
    /// What ALPN yields under TLS, HTTP/1.1 without.
    #[default]
    Auto,
}

/// How often an assertion is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AssertionMode {
    /// Never.
    #[default]
    Off,
    /// Once for each session, again before it ends: whoever sees one can repeat it to this upstream until then.
    PerSession,
    /// For each request, naming it: costs one P-256 signature, about 20 µs.
    PerRequest,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest request head. Tokens are at most 4 KiB each; 16 KiB leaves room for cookies.
    pub head_bytes: usize,
    /// Most header fields of one request.
    pub head_fields: usize,
    /// Time for a whole request head, counted from the connection (its TLS handshake included) or from the end of the last
    /// response; so it is also how long a kept-alive HTTP/1 connection may idle. A phone on a bad network survives three
    /// lost packets in a row, a slow-loris gets no more: no byte on the way moves the deadline, and who began a head is told 408.
    pub head_timeout_ms: u64,
    /// Longest pause inside a request body, and how long a body may come slower than `body_rate_min_bytes_per_s`.
    #[schemars(extend("x-live" = true))]
    pub body_idle_timeout_ms: u64,
    /// Longest time for a whole request body, however steadily it drips.
    #[schemars(extend("x-live" = true))]
    pub body_total_timeout_ms: u64,
    /// Longest pause of a client in taking its response, and how long it may take it slower than
    /// `write_rate_min_bytes_per_s`.
    pub write_idle_timeout_ms: u64,
    /// Largest request body that is streamed. Bodies bound to tokens have policy's own, smaller limit.
    #[schemars(extend("x-live" = true))]
    pub body_max_bytes: u64,
    /// Open client connections, all cores together: about 64 KiB each, so 1 GiB at worst.
    pub connections_max: usize,
    /// Time to finish requests in flight on SIGTERM: below the 30 s after which orchestrators kill.
    #[schemars(extend("x-live" = true))]
    pub drain_s: u64,
    /// Threads that appraise evidence, apart from the request cores; 0 is half of the cores, at least one.
    pub appraisal_workers: usize,
    /// Appraisals waiting before clients are told `later`: a second's worth at a few milliseconds each.
    pub appraisal_queue: usize,
    /// Single-use tokens remembered, at most 80 bytes each: 3 000 a second for their 300 s.
    pub single_use_max: usize,
    /// Client addresses whose rates are remembered, 16 bytes each.
    pub rate_sources_max: usize,
    /// Signatures that each core verifies per second for sources and devices that failed often of late, all together: about 1 %
    /// of a core. Others are not concerned.
    pub suspect_verifications_per_second: u32,
    /// A request body that comes slower than this is given up: slower than the worst usable phone network, faster than a
    /// client that drips to hold a connection. It stops to apply when the response has begun.
    #[schemars(extend("x-live" = true))]
    pub body_rate_min_bytes_per_s: u64,
    /// A response that is taken slower than this is given up, for the same reasons. The kernel's buffers are not seen.
    pub write_rate_min_bytes_per_s: u64,
    /// Connections of one source (IPv4 address, IPv6 /64) that have not yet shown an authentic token, all cores together.
    /// Beyond, its oldest such connection is closed for the new one: thousands of phones behind one carrier's address show
    /// their tokens within moments. Connections of trusted proxies do not count.
    pub connections_per_source_max: usize,
    /// Requests that one core works on. At 80 % those without any token are refused, at 100 % all others, with `later`:
    /// answers that come too late help nobody.
    pub requests_per_core_max: usize,
    /// Streams that one HTTP/2 connection may have open: a phone's burst, not a connection's worth of memory each.
    pub http2_streams_max: u32,
    /// Bytes of request bodies that one HTTP/2 stream may send ahead of their reader; a connection may send four times as
    /// much. Enough for 2 MB/s at 100 ms.
    pub http2_window_bytes: u32,
    /// How long an HTTP/2 connection without a stream is kept: a phone's radio sleeps after seconds, a reconnect costs it
    /// two round trips.
    pub http2_idle_timeout_ms: u64,
    /// Pause between pings on HTTP/2 connections. Longer than `http2_idle_timeout_ms`, so that only connections with long
    /// streams are pinged and no sleeping phone is woken.
    pub http2_keep_alive_ms: u64,
    /// Frames that carry no request (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA and unknown ones) that one HTTP/2
    /// connection may send per second; ten times as many in a burst, and more while it takes responses. Beyond, it is
    /// closed: each costs work and none is a request.
    pub http2_control_frames_per_s: u64,
    /// Streams that one HTTP/2 connection may cancel per second; ten times as many in a burst. Beyond, it is closed: a
    /// request that is cancelled at once costs the gateway what a whole one does ("rapid reset").
    pub http2_resets_per_s: u64,
    /// Longest time for a whole response of a backend, however steadily it comes: an hour is longer than any download, and
    /// subscriptions reconnect. A stream on which the client keeps sending, too, has no end.
    pub response_total_timeout_ms: u64,
}

/// `[attestation]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Attestation {
    /// Life of a challenge: hardware key generation may take tens of seconds on a cheap phone.
    pub challenge_ttl_s: u64,
    /// How long the answer to one piece of evidence is repeated to whoever shows it again, after a lost response.
    pub response_ttl_s: u64,
    /// Largest evidence: certificate chains and findings need about 20 KiB.
    pub evidence_max_bytes: usize,
    /// Challenges per client address and minute. High: carriers put thousands of phones behind one address.
    pub challenges_per_source_per_minute: u32,
    /// Failed enrolments per client address and minute; accepted ones do not count.
    pub enroll_failures_per_source_per_minute: u32,
}

/// `[proxy]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Proxy {
    /// Addresses or ranges whose `X-Forwarded-For` is believed, nearest hop first. Empty: the peer is the client.
    pub trusted_proxies: Vec<IpRange>,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How much.
    #[schemars(extend("x-live" = true))]
    pub level: LogLevel,
    /// For whom.
    pub format: LogFormat,
    /// Which requests get a line of their own, whatever the level. Off: a line costs more than a proxied request's own work.
    pub requests: RequestLog,
    /// The share of requests that get a line where `requests = "sampled"`, from 0 to 1.
    pub sample_ratio: Ratio,
    /// Lines waiting for standard error; further ones are dropped and counted, so that a reader that stands still holds up no
    /// request. About 500 bytes each: 4 MB.
    pub queue_len: usize,
}

/// Which requests get a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RequestLog {
    /// None.
    #[default]
    Off,
    /// Those that the gateway refuses.
    Refused,
    /// A share of all, refused or not.
    Sampled,
    /// Each.
    All,
}

/// `[otlp]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Otlp {
    /// The collector, such as `http://127.0.0.1:4318`: spans are posted to `/v1/traces` under it. Absent: no traces.
    pub endpoint: Option<String>,
    /// The share of requests that are traced, from 0 to 1. Clients that ask to be traced get at most as many again.
    pub sample_ratio: Ratio,
    /// Headers sent to the collector, one `name: value` per line, such as its API key: a file, so that it can be a secret.
    pub headers_file: Option<PathBuf>,
    /// Longest time for one export: a collector on the same network answers in milliseconds.
    pub timeout_ms: u64,
    /// What the collector calls this service.
    pub service_name: String,
    /// Further attributes of this instance, such as `deployment.environment.name`.
    pub attributes: BTreeMap<String, String>,
    /// Certificates of the authorities that sign the collector's certificate. Absent: those of the system.
    pub ca_file: Option<PathBuf>,
    /// Traced requests waiting for export; further ones are dropped and counted. About 2 KiB each: 4 MiB.
    pub queue_len: usize,
    /// Longest wait for a fuller batch: traces are looked at by people.
    pub export_interval_ms: u64,
}

/// How much is logged. Secrets never are, at any level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what needs the operator.
    Error,
    /// And what soon may.
    Warn,
    /// And what changes the gateway's state.
    #[default]
    Info,
    /// And each refusal's reasons.
    Debug,
    /// And everything else.
    Trace,
}

impl LogLevel {
    /// The word that tracing filters understand.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl Proxy {
    /// Whether forwarded headers of this peer are believed.
    #[must_use]
    pub fn trusts(&self, address: std::net::IpAddr) -> bool {
        self.trusted_proxies.iter().any(|range| range.contains(address))
    }
}

impl Tls {
    /// Makes its paths relative to where the gateway runs, if they are relative to `folder`.
    pub fn resolve(&mut self, folder: &Path) {
        let files = self
            .certificates
            .iter_mut()
            .flat_map(|files| [&mut files.certificate, &mut files.key]);
        for path in files
            .chain(&mut self.client_ca)
            .filter(|path| !path.as_os_str().is_empty())
        {
            *path = folder.join(&*path);
        }
    }
}

impl Limits {
    /// Longest pause of a peer in taking what it is sent.
    #[must_use]
    pub const fn write_idle(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.write_idle_timeout_ms)
    }

    /// The bounds of a request body that is streamed.
    #[must_use]
    pub const fn streamed_body(&self) -> crate::upstream::BodyLimits {
        crate::upstream::BodyLimits {
            max_bytes: self.body_max_bytes,
            idle: std::time::Duration::from_millis(self.body_idle_timeout_ms),
            total: std::time::Duration::from_millis(self.body_total_timeout_ms),
            rate_min: self.body_rate_min_bytes_per_s,
        }
    }
}

impl Config {
    /// The configuration in `text`, its paths as written.
    ///
    /// # Errors
    /// Every [`ConfigProblem`] of the text, in the order of its lines.
    pub fn parse(text: &str) -> Result<Self, Vec<ConfigProblem>> {
        problems::read(text, |_, _| ())
    }

    /// The configuration in a file, its paths resolved against the file's folder and found to exist.
    ///
    /// # Errors
    /// Every [`ConfigProblem`] of the file, in the order of its lines.
    pub fn read(path: &Path) -> Result<Self, Vec<ConfigProblem>> {
        let text = problems::read_text(path)?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        problems::read(&text, |config, report| {
            config.resolve(folder);
            semantics::files(config, report);
        })
    }

    fn resolve(&mut self, folder: &Path) {
        for path in [
            &mut self.keys.directory,
            &mut self.store.path,
            &mut self.policy.file,
        ] {
            *path = folder.join(&*path);
        }
        self.admin.resolve(folder);
        for upstream in &mut self.upstreams {
            let files = [
                &mut upstream.ca_file,
                &mut upstream.client_certificate,
                &mut upstream.client_key,
            ];
            for path in files.into_iter().flatten() {
                *path = folder.join(&*path);
            }
        }
        let policy = &mut self.policy;
        for path in [
            &mut self.otlp.headers_file,
            &mut self.otlp.ca_file,
            &mut policy.repository,
            &mut policy.root,
            &mut policy.ca_file,
        ]
        .into_iter()
        .flatten()
        {
            *path = folder.join(&*path);
        }
        self.tls.resolve(folder);
        self.decision_log.file = folder.join(&self.decision_log.file);
    }
}
