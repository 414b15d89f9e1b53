//! What the raw-head guard costs for a head as phones send it, beside what httparse takes for the same bytes, and for chunks.
//! It prints; it never judges.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark fails by panicking and speaks by printing"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use attest_gateway::guard::{Guard, Limits};
use criterion::{Criterion, Throughput};

const LIMITS: Limits = Limits {
    head_bytes: 16 << 10,
    head_fields: 100,
};
/// Turns that each of two functions takes; the median is reported.
const TURNS: usize = 51;
const ROUNDS: u32 = 2000;

/// A request by OkHttp with a session token of usual size.
fn head() -> Vec<u8> {
    format!(
        "POST /v1/payments?to=DE02120300000000202051 HTTP/1.1\r\nContent-Type: application/json; charset=utf-8\r\n\
         Content-Length: 0\r\nHost: api.bank.example\r\nConnection: Keep-Alive\r\nAccept-Encoding: gzip\r\n\
         User-Agent: okhttp/4.12.0\r\nAuthorization: Bearer {}\r\nAttest-Token: {}\r\n\r\n",
        "b".repeat(64),
        "t".repeat(900)
    )
    .into_bytes()
}

fn guarded(bytes: &[u8]) -> usize {
    let verdict = Guard::new(LIMITS).judge(black_box(bytes));
    assert_eq!(verdict.safe, bytes.len());
    verdict.heads
}

fn parsed(bytes: &[u8]) -> usize {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut fields);
    let parsed = request.parse(black_box(bytes)).unwrap();
    assert!(parsed.is_complete());
    request.headers.len()
}

/// Median nanoseconds of each, the two taking turns so that both see the same machine.
fn side_by_side(mut first: impl FnMut() -> usize, mut second: impl FnMut() -> usize) -> [f64; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(first());
        }
        let between = Instant::now();
        for _ in 0..ROUNDS {
            black_box(second());
        }
        times[0].push(between - start);
        times[1].push(between.elapsed());
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[TURNS / 2].as_secs_f64() * 1e9 / f64::from(ROUNDS)
    })
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    let head = head();
    let mut group = criterion.benchmark_group("head");
    group.throughput(Throughput::Bytes(u64::try_from(head.len()).unwrap()));
    group.bench_function("guard", |bencher| bencher.iter(|| guarded(&head)));
    group.bench_function("httparse", |bencher| bencher.iter(|| parsed(&head)));
    group.finish();
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400)).repeat(64);
    let body = format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n");
    let mut group = criterion.benchmark_group("64 chunks of 1 KiB");
    group.throughput(Throughput::Bytes(u64::try_from(body.len()).unwrap()));
    group.bench_function("guard", |bencher| bencher.iter(|| guarded(body.as_bytes())));
    group.finish();
    let [guard, httparse] = side_by_side(|| guarded(&head), || parsed(&head));
    println!(
        "a head of {} bytes: guard {guard:.0} ns, httparse {httparse:.0} ns, ratio {:.2}",
        head.len(),
        guard / httparse
    );
    criterion.final_summary();
}
