//! Handles of metrics: those of the facade, or none.

use super::Metric;

#[cfg(feature = "metrics")]
pub(crate) use of_the_facade::{Counter, Gauge, Histogram};
#[cfg(not(feature = "metrics"))]
pub(crate) use silent::{Counter, Gauge, Histogram};

/// The values of the labels of a metric, in their order.
type Values<'a> = &'a [&'a str];

#[cfg(feature = "metrics")]
mod of_the_facade {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use ::metrics::{Key, Label, Level, Metadata, Recorder, with_recorder};

    use super::{Metric, Values};

    const METADATA: Metadata<'static> = Metadata::new("pgq", Level::INFO, None);

    #[derive(Clone, Debug)]
    pub(crate) struct Counter(::metrics::Counter);

    #[derive(Clone, Debug)]
    pub(crate) struct Gauge(::metrics::Gauge);

    #[derive(Clone, Debug)]
    pub(crate) struct Histogram(::metrics::Histogram);

    impl Counter {
        pub(crate) fn increment(&self, by: u64) {
            contained(|| self.0.increment(by));
        }
    }

    impl Gauge {
        pub(crate) fn set(&self, value: f64) {
            contained(|| self.0.set(value));
        }

        pub(crate) fn increment(&self, by: f64) {
            contained(|| self.0.increment(by));
        }

        pub(crate) fn decrement(&self, by: f64) {
            contained(|| self.0.decrement(by));
        }
    }

    impl Histogram {
        pub(crate) fn record(&self, value: f64) {
            contained(|| self.0.record(value));
        }
    }

    /// A recorder that panics measures nothing, and does no harm. What it said, the hook of the program for
    /// panics has said.
    fn contained<T>(record: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(record)) {
            Ok(recorded) => Some(recorded),
            Err(payload) => {
                // The destructor of a value that nobody knows may panic again.
                std::mem::forget(payload);
                None
            }
        }
    }

    fn handle<T>(
        metric: Metric,
        values: Values<'_>,
        register: impl FnOnce(&dyn Recorder, &Key) -> T,
    ) -> Option<T> {
        debug_assert_eq!(metric.labels.len(), values.len(), "{metric:?}");
        let label = |(name, value): (&&'static str, &&str)| Label::new(*name, (*value).to_owned());
        let labels: Vec<Label> = metric.labels.iter().zip(values).map(label).collect();
        let key = Key::from_parts(metric.name, labels);
        contained(|| with_recorder(|recorder| register(recorder, &key)))
    }

    pub(crate) fn counter(metric: Metric, values: Values<'_>) -> Counter {
        let counter = handle(metric, values, |recorder, key| {
            recorder.register_counter(key, &METADATA)
        });
        Counter(counter.unwrap_or_else(::metrics::Counter::noop))
    }

    pub(crate) fn gauge(metric: Metric, values: Values<'_>) -> Gauge {
        let gauge = handle(metric, values, |recorder, key| {
            recorder.register_gauge(key, &METADATA)
        });
        Gauge(gauge.unwrap_or_else(::metrics::Gauge::noop))
    }

    pub(crate) fn histogram(metric: Metric, values: Values<'_>) -> Histogram {
        let histogram = handle(metric, values, |recorder, key| {
            recorder.register_histogram(key, &METADATA)
        });
        Histogram(histogram.unwrap_or_else(::metrics::Histogram::noop))
    }
}

/// What stands for the facade where there is none: nothing, at no cost.
#[cfg(not(feature = "metrics"))]
mod silent {
    use super::{Metric, Values};

    #[derive(Clone, Debug)]
    pub(crate) struct Counter;

    #[derive(Clone, Debug)]
    pub(crate) struct Gauge;

    #[derive(Clone, Debug)]
    pub(crate) struct Histogram;

    impl Counter {
        #[allow(clippy::unused_self, reason = "as in the facade")]
        pub(crate) fn increment(&self, _: u64) {}
    }

    impl Gauge {
        #[allow(clippy::unused_self, reason = "as in the facade")]
        pub(crate) fn set(&self, _: f64) {}

        #[allow(clippy::unused_self, reason = "as in the facade")]
        pub(crate) fn increment(&self, _: f64) {}

        #[allow(clippy::unused_self, reason = "as in the facade")]
        pub(crate) fn decrement(&self, _: f64) {}
    }

    impl Histogram {
        #[allow(clippy::unused_self, reason = "as in the facade")]
        pub(crate) fn record(&self, _: f64) {}
    }

    pub(crate) fn counter(_: Metric, _: Values<'_>) -> Counter {
        Counter
    }

    pub(crate) fn gauge(_: Metric, _: Values<'_>) -> Gauge {
        Gauge
    }

    pub(crate) fn histogram(_: Metric, _: Values<'_>) -> Histogram {
        Histogram
    }
}

#[cfg(feature = "metrics")]
pub(super) use of_the_facade::{counter, gauge, histogram};
#[cfg(not(feature = "metrics"))]
pub(super) use silent::{counter, gauge, histogram};
