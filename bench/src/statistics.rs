//! Rates, medians and percentiles.

use std::time::Duration;

/// How many a second.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(crate) fn per_second(count: i64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The middle value; NaN if there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The smallest value that at least this part of the values does not exceed; NaN if there is none.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place within the values"
)]
pub(crate) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    let place = rank.saturating_sub(1);
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

/// What was measured round by round, beside a baseline of the same round.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    figures: Vec<f64>,
    baselines: Vec<f64>,
}

impl Pairs {
    pub(crate) fn push(&mut self, figure: f64, baseline: f64) {
        self.figures.push(figure);
        self.baselines.push(baseline);
    }

    pub(crate) fn figure(&self) -> f64 {
        median(&self.figures)
    }

    pub(crate) fn baseline(&self) -> f64 {
        median(&self.baselines)
    }

    /// The median of the ratios of each round: what slows a machine down for a while slows both.
    pub(crate) fn ratio(&self) -> f64 {
        let pairs = self.figures.iter().zip(&self.baselines);
        let ratios: Vec<f64> = pairs.map(|(figure, baseline)| figure / baseline).collect();
        median(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=100).map(f64::from).rev().collect();

        assert_eq!(quantile(&values, 0.5).to_bits(), 50.0_f64.to_bits());
        assert_eq!(quantile(&values, 0.99).to_bits(), 99.0_f64.to_bits());
        assert_eq!(quantile(&values, 1.0).to_bits(), 100.0_f64.to_bits());
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_ratio_is_that_of_a_round() {
        let mut pairs = Pairs::default();
        pairs.push(10.0, 20.0);
        pairs.push(1.0, 2.0);
        pairs.push(9.0, 10.0);

        assert_eq!(pairs.ratio().to_bits(), 0.5_f64.to_bits());
    }
}
