//! A simulated phone for QA and load. It is the SDK itself over real HTTP, with a software key, the facts of a
//! profile and, if asked, simulated hardware, so a gateway takes it for exactly what its policy takes such phones for.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use attest_core::bundle::root_version;
use attest_core::device::Platform;
use attest_mobile::Headers;
use attest_testkit::client::HttpClient;
use attest_testkit::evidence::TestRoots;
use attest_testkit::evidence::simulated::Chip;
use attest_testkit::phone::{Evidence, Phone, PhoneOptions};
use attest_testkit::profile::Profile;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::clock::Stopwatch;
use crate::out::{Exit, Out};

/// Which phone, and what it sends.
#[derive(Debug, Args)]
pub(super) struct Simulated {
    /// The gateway, as http://host:port.
    #[arg(
        long,
        value_name = "URL",
        required = false,
        required_unless_present = "itself"
    )]
    gateway: String,
    /// The app's id in the gateway's policy.
    #[arg(long, value_name = "ID", required = false, required_unless_present = "itself")]
    app: String,
    /// What the phone looks like to detectors: genuine, cloner, new-cloner, emulator, rooted or repackaged.
    #[arg(long, default_value = "genuine")]
    profile: Profile,
    /// The operating system: android or ios. By default ios for app ids that contain `ios`.
    #[arg(long, value_parser = platform)]
    platform: Option<Platform>,
    /// What vouches for the phone's key: nothing (software), or its simulated hardware, with Android keys in the trusted
    /// environment (hardware) or a chip of their own (strongbox).
    #[arg(long, value_enum, default_value_t = Vouching::Software, requires_ifs = [("hardware", "test_roots"), ("strongbox", "test_roots")])]
    evidence: Vouching,
    /// The keys of the test roots that simulated hardware is vouched for by. A file that is not there is made, and what a
    /// development gateway's policy needs to trust them is printed.
    #[arg(long, value_name = "FILE")]
    test_roots: Option<std::path::PathBuf>,
    /// The app's version.
    #[arg(long, value_name = "VERSION", default_value = "4.2.0")]
    app_version: String,
    /// How many requests to send.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    requests: u64,
    /// How many at the same time.
    #[arg(long, value_name = "C", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// HTTP method.
    #[arg(long, default_value = "GET")]
    method: String,
    /// Path and query.
    #[arg(long, default_value = "/v1/balance")]
    path: String,
    /// Request body.
    #[arg(long, default_value = "")]
    body: String,
    /// Value of the `Authorization` header.
    #[arg(long, value_name = "VALUE")]
    authorization: Option<String>,
    /// Public origin that tokens are bound to, where it is not the gateway's own address.
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// Path of the attestation service.
    #[arg(long, value_name = "PATH", default_value = "/.attest/v1")]
    base_path: String,
    /// The first root of the policy repository (keys/policy-root.json of a development gateway). Without it the root that a development gateway
    /// serves is taken, which only a test may do.
    #[arg(long, value_name = "FILE")]
    root: Option<std::path::PathBuf>,
    /// Enrol, then print the header lines that one such request needs instead of sending it, for curl and its like.
    #[arg(long)]
    print_token: bool,
}

/// What vouches for a simulated phone's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Vouching {
    Software,
    Hardware,
    Strongbox,
}

fn platform(word: &str) -> Result<Platform, String> {
    Platform::parse(word).ok_or_else(|| "known platforms are android and ios".to_owned())
}

/// The roots in a file; new ones, told to the user, if there is no file.
fn test_roots(path: &Path, out: &mut Out<'_>) -> Result<TestRoots, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    match std::fs::read_to_string(path) {
        Ok(text) => TestRoots::from_pem(&text).map_err(|error| told(&error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let roots = TestRoots::generate().map_err(|error| told(&error))?;
            roots.write(path).map_err(|error| told(&error))?;
            writeln!(
                out.err,
                "made {}; a development gateway's policy trusts it by\n\n{}",
                path.display(),
                roots.policy_anchors()
            )
            .map_err(|error| error.to_string())?;
            Ok(roots)
        }
        Err(error) => Err(told(&error)),
    }
}

#[derive(Debug, Serialize)]
struct Summary {
    requests: u64,
    outcomes: BTreeMap<String, u64>,
    latency_us: Latency,
    /// Requests per second.
    rate: f64,
}

#[derive(Debug, Serialize)]
struct Latency {
    p50: u64,
    p95: u64,
    p99: u64,
}

impl Simulated {
    pub(super) fn run(self, json: bool, out: &mut Out<'_>) -> io::Result<Exit> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        if self.print_token {
            return match runtime.block_on(Box::pin(self.token(json, out))) {
                Ok(headers) => {
                    if json {
                        let headers: BTreeMap<_, _> = headers.into_iter().collect();
                        let text = serde_json::to_string(&headers).map_err(io::Error::other)?;
                        writeln!(out.out, "{text}")?;
                    } else {
                        for (name, value) in headers {
                            writeln!(out.out, "{name}: {value}")?;
                        }
                    }
                    Ok(Exit::Clean)
                }
                Err(error) => {
                    writeln!(out.err, "attest: {error}")?;
                    Ok(Exit::Unusable)
                }
            };
        }
        match runtime.block_on(Box::pin(self.load(json, out))) {
            Ok(summary) => {
                if json {
                    let text = serde_json::to_string(&summary).map_err(io::Error::other)?;
                    writeln!(out.out, "{text}")?;
                } else {
                    summary.write(out)?;
                }
                let answered = summary.outcomes.keys().all(|outcome| outcome.starts_with('2'));
                Ok(if answered { Exit::Clean } else { Exit::Refused })
            }
            Err(error) => {
                writeln!(out.err, "attest: {error}")?;
                Ok(Exit::Unusable)
            }
        }
    }

    /// The headers of one request, its `Authorization` included.
    async fn token(&self, json: bool, out: &mut Out<'_>) -> Result<Headers, String> {
        let phone = self.phone(json, out).await?;
        let AppCall {
            method,
            path,
            mut headers,
            body,
        } = self.request();
        let minted = phone.token_headers(&method, &path, &headers, &body).await;
        headers.extend(minted.map_err(|error| error.to_string())?);
        Ok(headers)
    }

    async fn phone(&self, json: bool, out: &mut Out<'_>) -> Result<Phone, String> {
        let root = self.policy_root(json, out).await?;
        let mut options = PhoneOptions::new(self.gateway.clone(), self.app.clone(), root);
        options.platform = self.platform.unwrap_or(if self.app.contains("ios") {
            Platform::Ios
        } else {
            Platform::Android
        });
        options.profile = self.profile;
        options.evidence = self.vouching(out)?;
        options.app_version.clone_from(&self.app_version);
        options.base_path.clone_from(&self.base_path);
        options.origins.extend(self.origin.clone());
        Phone::new(options).map_err(|error| error.to_string())
    }

    fn vouching(&self, out: &mut Out<'_>) -> Result<Evidence, String> {
        let chip = match self.evidence {
            Vouching::Software => return Ok(Evidence::Software),
            Vouching::Hardware => Chip::TrustedEnvironment,
            Vouching::Strongbox => Chip::StrongBox,
        };
        let path = self
            .test_roots
            .as_deref()
            .ok_or("--evidence needs --test-roots FILE")?;
        let roots = Arc::new(test_roots(path, out)?);
        Ok(Evidence::Hardware { roots, chip })
    }

    async fn load(&self, json: bool, out: &mut Out<'_>) -> Result<Summary, String> {
        let phone = self.phone(json, out).await?;
        let _fresh = phone.keep_fresh();
        let bar = self.progress(json);
        let left = Arc::new(AtomicU64::new(self.requests));
        let begun = Stopwatch::start();
        let senders: Vec<_> = (0..self.concurrency)
            .map(|_| {
                tokio::spawn(send(
                    phone.clone(),
                    self.request(),
                    Arc::clone(&left),
                    bar.clone(),
                ))
            })
            .collect();
        let mut outcomes = BTreeMap::new();
        let mut latencies = Vec::new();
        for sender in senders {
            for (outcome, latency) in sender.await.map_err(|error| error.to_string())? {
                *outcomes.entry(outcome).or_insert(0) += 1;
                latencies.push(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
            }
        }
        let took = begun.elapsed();
        bar.finish_and_clear();
        latencies.sort_unstable();
        let at = |percent: usize| {
            let index = (latencies.len() * percent).div_ceil(100).saturating_sub(1);
            latencies.get(index).copied().unwrap_or_default()
        };
        let requests = u64::try_from(latencies.len()).unwrap_or(u64::MAX);
        Ok(Summary {
            requests,
            outcomes,
            latency_us: Latency {
                p50: at(50),
                p95: at(95),
                p99: at(99),
            },
            rate: f64::from(u32::try_from(requests).unwrap_or(u32::MAX))
                / took.as_secs_f64().max(f64::EPSILON),
        })
    }

    fn request(&self) -> AppCall {
        let authorization = self
            .authorization
            .iter()
            .map(|value| ("authorization".to_owned(), value.clone()));
        AppCall {
            method: self.method.clone(),
            path: self.path.clone(),
            headers: authorization.collect(),
            body: self.body.clone().into_bytes(),
        }
    }

    fn progress(&self, json: bool) -> ProgressBar {
        let target = if json || !io::stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} requests, {per_sec}, {eta} left");
        ProgressBar::with_draw_target(Some(self.requests), target)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }

    /// The first root of the policy repository: from a file, or as the gateway serves them in development.
    async fn policy_root(&self, json: bool, out: &mut Out<'_>) -> Result<Vec<u8>, String> {
        if let Some(path) = &self.root {
            let root = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            root_version(&root).map_err(|error| format!("{}: {error} [{}]", path.display(), error.code()))?;
            return Ok(root);
        }
        let client = HttpClient::new(&self.gateway, attest_testkit::MARKER)
            .ok_or_else(|| format!("--gateway `{}` is not http://host:port", self.gateway))?;
        let path = format!("{}/policy/development-root.json", self.base_path);
        let reply = client
            .send("GET", &path, &Headers::new(), b"", 64 * 1024)
            .await
            .map_err(|error| format!("{}: {error}; is a gateway running there?", self.gateway))?;
        if reply.status != 200 {
            return Err(format!(
                "{}{path}: status {}; only a development gateway serves its root, name it with --root FILE",
                self.gateway, reply.status
            ));
        }
        if !json {
            // Only a hint; the result does not depend on it.
            let _unheard = writeln!(
                out.err,
                "taking the policy root that {} serves; pin it with --root FILE",
                self.gateway
            );
        }
        Ok(reply.body)
    }
}

/// One request of the app, to be sent many times.
struct AppCall {
    method: String,
    path: String,
    headers: Headers,
    body: Vec<u8>,
}

async fn send(
    phone: Phone,
    call: AppCall,
    left: Arc<AtomicU64>,
    bar: ProgressBar,
) -> Vec<(String, Duration)> {
    let mut outcomes = Vec::new();
    while left
        .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
        .is_ok()
    {
        let begun = Stopwatch::start();
        let sent = phone
            .send(&call.method, &call.path, &call.headers, &call.body)
            .await;
        let outcome = match sent {
            Ok(sent) => match sent
                .refusal
                .as_ref()
                .and_then(attest_core::problem::Problem::code)
            {
                Some(code) => code.as_str().to_owned(),
                None => sent.reply.status.to_string(),
            },
            Err(error) => error.to_string(),
        };
        outcomes.push((outcome, begun.elapsed()));
        bar.inc(1);
    }
    outcomes
}

impl Summary {
    fn write(&self, out: &mut Out<'_>) -> io::Result<()> {
        writeln!(out.out, "{} requests, {:.0} per second", self.requests, self.rate)?;
        for (outcome, count) in &self.outcomes {
            writeln!(out.out, "  {count:>8}  {}", crate::out::printable(outcome))?;
        }
        let Latency { p50, p95, p99 } = self.latency_us;
        writeln!(out.out, "latency: p50 {p50} µs, p95 {p95} µs, p99 {p99} µs")
    }
}
