//! Handles of metrics: those of the facade, or none.

use super::Metric;

#[cfg(feature = "metrics")]
pub(crate) use ::metrics::{Counter, Gauge, Histogram};
#[cfg(not(feature = "metrics"))]
pub(crate) use silent::{Counter, Gauge, Histogram};

/// The values of the labels of a metric, in their order.
type Values<'a> = &'a [&'a str];

#[cfg(feature = "metrics")]
mod of_the_facade {
    use ::metrics::{Key, Label, Level, Metadata, with_recorder};

    use super::{Counter, Gauge, Histogram, Metric, Values};

    const METADATA: Metadata<'static> = Metadata::new("pgq", Level::INFO, None);

    fn key(metric: Metric, values: Values<'_>) -> Key {
        debug_assert_eq!(metric.labels.len(), values.len(), "{metric:?}");
        let label = |(name, value): (&&'static str, &&str)| Label::new(*name, (*value).to_owned());
        let labels: Vec<Label> = metric.labels.iter().zip(values).map(label).collect();
        Key::from_parts(metric.name, labels)
    }

    pub(crate) fn counter(metric: Metric, values: Values<'_>) -> Counter {
        with_recorder(|recorder| recorder.register_counter(&key(metric, values), &METADATA))
    }

    pub(crate) fn gauge(metric: Metric, values: Values<'_>) -> Gauge {
        with_recorder(|recorder| recorder.register_gauge(&key(metric, values), &METADATA))
    }

    pub(crate) fn histogram(metric: Metric, values: Values<'_>) -> Histogram {
        with_recorder(|recorder| recorder.register_histogram(&key(metric, values), &METADATA))
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
