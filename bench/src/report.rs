//! Figures, as a table for people or as JSON for programs.

use std::fmt;
use std::io::{self, Write as _};

use serde::{Serialize, Serializer};

use crate::scenario::Scenario;
use crate::statistics::Pairs;

/// Something that was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    variant: String,
    figure: f64,
    unit: &'static str,
    baseline: Option<f64>,
    ratio: Option<f64>,
    bar: Option<Bar>,
    ok: Option<bool>,
}

/// What a figure is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bar {
    /// The ratio of figure to baseline is at least this.
    RatioAtLeast(f64),
    /// The ratio of figure to baseline is at most this.
    RatioAtMost(f64),
    /// The figure is at most this, in its unit.
    FigureAtMost(f64),
}

impl Figure {
    /// A figure without anything beside it.
    pub(crate) fn new(variant: impl Into<String>, figure: f64, unit: &'static str) -> Self {
        Self {
            variant: variant.into(),
            figure,
            unit,
            baseline: None,
            ratio: None,
            bar: None,
            ok: None,
        }
    }

    /// The medians of what was measured beside a baseline.
    pub(crate) fn of_pairs(variant: impl Into<String>, pairs: &Pairs, unit: &'static str) -> Self {
        Self {
            baseline: Some(pairs.baseline()),
            ratio: Some(pairs.ratio()),
            ..Self::new(variant, pairs.figure(), unit)
        }
    }

    /// Adds a baseline that was measured once.
    pub(crate) fn beside(mut self, baseline: f64) -> Self {
        self.baseline = Some(baseline);
        self.ratio = Some(self.figure / baseline);
        self
    }

    pub(crate) fn held_to(mut self, bar: Bar) -> Self {
        let ratio = self.ratio.unwrap_or(f64::NAN);
        self.ok = Some(match bar {
            Bar::RatioAtLeast(least) => ratio >= least,
            Bar::RatioAtMost(most) => ratio <= most,
            Bar::FigureAtMost(most) => self.figure <= most,
        });
        self.bar = Some(bar);
        self
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RatioAtLeast(least) => write!(f, "ratio >= {least}"),
            Self::RatioAtMost(most) => write!(f, "ratio <= {most}"),
            Self::FigureAtMost(most) => write!(f, "figure <= {most}"),
        }
    }
}

impl Serialize for Bar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Prints figures: as JSON at once, as one table at the end.
#[derive(Debug)]
pub(crate) struct Reporter {
    json: bool,
    table: Vec<(Scenario, Vec<Figure>)>,
}

/// One line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    scenario: &'a str,
    #[serde(flatten)]
    figure: &'a Figure,
}

impl Reporter {
    pub(crate) fn new(json: bool) -> Self {
        let table = Vec::new();
        Self { json, table }
    }

    pub(crate) fn add(&mut self, scenario: Scenario, figures: Vec<Figure>) -> io::Result<()> {
        if !self.json {
            self.table.push((scenario, figures));
            return Ok(());
        }
        let mut out = io::stdout().lock();
        for figure in &figures {
            let scenario = scenario.name();
            serde_json::to_writer(&mut out, &Line { scenario, figure })?;
            writeln!(out)?;
        }
        out.flush()
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for (scenario, figures) in &self.table {
            writeln!(out, "\n{} ({})", scenario.name(), scenario.about())?;
            writeln!(
                out,
                "  {:44} {:>12} {:>12} {:>6}  bar",
                "", "figure", "baseline", "ratio"
            )?;
            for figure in figures {
                writeln!(out, "  {}", row(figure))?;
            }
        }
        out.flush()
    }
}

fn row(figure: &Figure) -> String {
    let Figure { variant, unit, .. } = figure;
    let what = format!("{variant}, {unit}");
    let baseline = figure.baseline.map(number).unwrap_or_default();
    let ratio = figure
        .ratio
        .map(|ratio| format!("{ratio:.2}"))
        .unwrap_or_default();
    let bar = figure.bar.map(|bar| bar.to_string()).unwrap_or_default();
    let verdict = match figure.ok {
        Some(true) => ": ok",
        Some(false) => ": MISSED",
        None => "",
    };
    let value = number(figure.figure);
    format!("{what:44} {value:>12} {baseline:>12} {ratio:>6}  {bar}{verdict}")
}

/// A number with about three digits that mean something.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_has_every_field() {
        let figure = Figure::new("ready", 90.0, "jobs/s").beside(100.0);
        let figure = figure.held_to(Bar::RatioAtLeast(0.95));

        let line = Line {
            scenario: "pinned",
            figure: &figure,
        };

        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            r#"{"scenario":"pinned","variant":"ready","figure":90.0,"unit":"jobs/s","baseline":100.0,"ratio":0.9,"bar":"ratio >= 0.95","ok":false}"#
        );
    }

    #[test]
    fn a_figure_without_a_baseline_has_no_verdict() {
        let figure = Figure::new("ready", 90.0, "jobs/s");

        assert_eq!((figure.ratio, figure.ok), (None, None));
    }

    #[test]
    fn a_ratio_that_is_no_number_is_not_ok() {
        let figure = Figure::new("ready", 1.0, "ms").held_to(Bar::RatioAtMost(1.2));

        assert_eq!(figure.ok, Some(false));
    }
}
