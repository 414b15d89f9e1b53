//! How the benchmarks measure: criterion for the figures, and two functions taking turns for their ratio.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;

/// Turns that each of two functions takes; the median is reported.
const TURNS: usize = 51;

/// Short runs: figures to compare, not to publish.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args()
}

/// Median nanoseconds of each, the two taking turns so that both see the same machine.
#[expect(
    clippy::disallowed_methods,
    reason = "core reads no clock; a benchmark of it does"
)]
pub(crate) fn side_by_side<A, B>(
    rounds: u32,
    mut first: impl FnMut() -> A,
    mut second: impl FnMut() -> B,
) -> [f64; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(first());
        }
        let between = Instant::now();
        for _ in 0..rounds {
            black_box(second());
        }
        times[0].push(between - start);
        times[1].push(between.elapsed());
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[TURNS / 2].as_secs_f64() * 1e9 / f64::from(rounds)
    })
}
