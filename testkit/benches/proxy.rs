//! CPU time of the gateway per proxied request: plain proxying, session tokens and proof tokens side by side, in one run.
//!
//! One proxy core, 64 keep-alive connections, the sample bank behind it. Counted is the CPU time of the core's thread as the kernel
//! keeps it, so that load generator and bank on the same machine do not count. Ratios compare; the figures depend on the machine.
//! `ATTEST_BENCH_CONFIG` holds lines for `attest.toml`, to see what a setting costs.

mod threads;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use attest_gateway::clock::SystemClock;
use attest_mobile::Headers;
use attest_testkit::client::HttpClient;
use attest_testkit::phone::Phone;
use attest_testkit::world::{World, WorldOptions};

use threads::{Outcome, cpu_ns};

/// As the product does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 3;

/// One kind of request.
#[derive(Debug, Clone, Copy)]
struct Case {
    name: &'static str,
    method: &'static str,
    target: &'static str,
    /// Whether the phone mints a token for it.
    token: bool,
    requests: u64,
}

const CASES: [Case; 3] = [
    Case {
        name: "plain proxying",
        method: "GET",
        target: "/health",
        token: false,
        requests: 30_000,
    },
    Case {
        name: "session token",
        method: "GET",
        target: "/v1/balance?currency=EUR",
        token: true,
        requests: 30_000,
    },
    Case {
        name: "proof token",
        method: "POST",
        target: "/v1/payments?to=DE02",
        token: true,
        requests: 6_000,
    },
];

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(measure())
}

async fn measure() -> Outcome<()> {
    let mut options = WorldOptions::new(Arc::new(SystemClock::new()));
    options.cores = 1;
    options.config = std::env::var("ATTEST_BENCH_CONFIG").unwrap_or_default();
    let world = World::start(options).await?;
    let core = threads::named(&["core-0"])?;
    let phone = Phone::new(world.phone())?;
    let _fresh = phone.keep_fresh();
    phone.attestor().ready().await?;
    let client = Arc::new(HttpClient::new(world.origin(), "bench").ok_or("no origin")?);
    let mut out = std::io::stdout();
    writeln!(
        out,
        "one proxy core, {CONNECTIONS} keep-alive connections, {ROUNDS} rounds, medians"
    )?;
    // Warms connections, caches and the policy up.
    for case in CASES {
        run(
            &Case {
                requests: 500,
                ..case
            },
            &phone,
            &client,
        )
        .await?;
    }
    let mut medians = Vec::new();
    let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); CASES.len()];
    let mut rates = vec![0.0; CASES.len()];
    for _ in 0..ROUNDS {
        for (at, case) in CASES.iter().enumerate() {
            let (before, begun) = (cpu_ns(&core)?, Instant::now());
            run(case, &phone, &client).await?;
            let spent = f64::from(u32::try_from((cpu_ns(&core)? - before) / 1000)?);
            let requests = f64::from(u32::try_from(case.requests)?);
            if let (Some(round), Some(rate)) = (rounds.get_mut(at), rates.get_mut(at)) {
                round.push(spent / requests);
                *rate = requests / begun.elapsed().as_secs_f64();
            }
        }
    }
    for round in &mut rounds {
        round.sort_by(f64::total_cmp);
        medians.push(round.get(ROUNDS / 2).copied().unwrap_or_default());
    }
    let plain = medians.first().copied().unwrap_or(1.0);
    writeln!(
        out,
        "{:<16} {:>18} {:>10} {:>14}",
        "request", "CPU µs of core", "ratio", "requests/s"
    )?;
    for ((case, median), rate) in CASES.iter().zip(&medians).zip(&rates) {
        writeln!(
            out,
            "{:<16} {median:>18.1} {:>10.2} {rate:>14.0}",
            case.name,
            median / plain
        )?;
    }
    world.stop().await;
    Ok(())
}

async fn run(case: &Case, phone: &Phone, client: &Arc<HttpClient>) -> Outcome<()> {
    let left = Arc::new(AtomicU64::new(case.requests));
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|_| tokio::spawn(send(*case, phone.clone(), Arc::clone(client), Arc::clone(&left))))
        .collect();
    for sender in senders {
        sender.await??;
    }
    Ok(())
}

async fn send(case: Case, phone: Phone, client: Arc<HttpClient>, left: Arc<AtomicU64>) -> Outcome<()> {
    while left
        .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
        .is_ok()
    {
        let mut headers: Headers = vec![("authorization".to_owned(), "Bearer demo-access-token".to_owned())];
        if case.token {
            headers.extend(
                phone
                    .token_headers(case.method, case.target, &headers, b"")
                    .await?,
            );
        }
        let reply = client.app(case.method, case.target, &headers, b"").await?;
        if reply.status >= 300 {
            return Err(format!("{}: status {}", case.name, reply.status).into());
        }
    }
    Ok(())
}
