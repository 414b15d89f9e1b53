//! The page that Prometheus reads: families in the order in which they were put, each with its help, even without a sample.

use std::fmt::Write as _;

use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::histogram::{BOUNDS_US, Recorded};

/// Labels of one sample, by name.
pub(super) type Labels<'a> = Vec<(&'static str, &'a str)>;

/// A page in the making.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// A family of counters.
    pub(super) fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) {
        let metrics = samples.into_iter().map(|(labels, value)| {
            let mut counter = Counter::default();
            counter.set_value(value as f64);
            let mut metric = labelled(labels);
            metric.set_counter(counter);
            metric
        });
        self.family(name, help, MetricType::COUNTER, metrics.collect());
    }

    /// A counter without labels.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.counters(name, help, [(vec![], value)]);
    }

    /// A family of gauges.
    pub(super) fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) {
        let metrics = samples.into_iter().map(|(labels, value)| {
            let mut gauge = Gauge::default();
            gauge.set_value(value as f64);
            let mut metric = labelled(labels);
            metric.set_gauge(gauge);
            metric
        });
        self.family(name, help, MetricType::GAUGE, metrics.collect());
    }

    /// A gauge without labels; nothing where the value is not known.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Into<Option<u64>>) {
        self.gauges(name, help, value.into().map(|value| (vec![], value)));
    }

    /// A family of histograms of seconds.
    pub(super) fn histograms<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, Recorded)>,
    ) {
        let metrics = samples.into_iter().map(|(labels, recorded)| {
            let mut metric = labelled(labels);
            metric.set_histogram(histogram(&recorded));
            metric
        });
        self.family(name, help, MetricType::HISTOGRAM, metrics.collect());
    }

    /// The page.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn family(&mut self, name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) {
        if metrics.is_empty() {
            // The encoder refuses a family without samples; a reader of the page should still find it.
            let word = format!("{kind:?}").to_lowercase();
            let _infallible = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {word}");
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics);
        if let Err(error) = TextEncoder::new().encode_utf8(&[family], &mut self.text) {
            tracing::warn!(%error, name, "a metric cannot be written");
        }
    }
}

fn labelled(labels: Labels<'_>) -> Metric {
    let pairs = labels.into_iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    });
    Metric::from_label(pairs.collect())
}

fn histogram(recorded: &Recorded) -> Histogram {
    let mut count = 0;
    let bounded = BOUNDS_US.iter().zip(&recorded.buckets).map(|(bound_us, own)| {
        count += own;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound_us as f64 / 1e6);
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(bounded.collect());
    histogram.set_sample_count(recorded.buckets.iter().sum());
    histogram.set_sample_sum(recorded.sum_us as f64 / 1e6);
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_prometheus_reads_them() {
        let mut page = Page::default();
        page.counters("a_total", "All of a.", [(vec![("code", "x\"y\n")], 3)]);
        page.gauge("b", "B.", None);
        let mut recorded = Recorded::default();
        recorded.buckets[3] = 2;
        recorded.buckets[15] = 1;
        recorded.sum_us = 1_500_000;
        page.histograms("c_seconds", "C.", [(vec![("upstream", "bank")], recorded)]);
        let text = page.into_text();
        for line in [
            "# HELP a_total All of a.",
            "# TYPE a_total counter",
            "a_total{code=\"x\\\"y\\n\"} 3",
            "# TYPE b gauge",
            "c_seconds_bucket{upstream=\"bank\",le=\"0.001\"} 2",
            "c_seconds_bucket{upstream=\"bank\",le=\"30\"} 2",
            "c_seconds_bucket{upstream=\"bank\",le=\"+Inf\"} 3",
            "c_seconds_sum{upstream=\"bank\"} 1.5",
            "c_seconds_count{upstream=\"bank\"} 3",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is not in:\n{text}"
            );
        }
        assert!(!text.lines().any(|line| line.starts_with("b ")));
    }
}
