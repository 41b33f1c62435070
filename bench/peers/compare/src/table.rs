//! Medians of all runs, beside each other.

use crate::program::Sample;

/// What pgq is held to: so many times the figure of the best peer.
const BARS: [(&str, f64); 2] = [("drain", 2.5), ("enqueue", 1.3)];

const PGQ: &str = "pgq";

/// The figures of all runs.
#[derive(Debug)]
pub(crate) struct Table {
    rounds: u32,
    samples: Vec<Sample>,
}

/// What a queue reached in a scenario.
#[derive(Debug)]
struct Row<'a> {
    /// One of the samples; its figure is not the row's.
    sample: &'a Sample,
    median: f64,
    /// How many times as much pgq reached.
    ratio: Option<f64>,
}

/// Whether pgq reached what it is held to.
#[derive(Debug)]
struct Verdict<'a> {
    best: &'a str,
    ratio: f64,
    bar: f64,
}

impl Table {
    pub(crate) fn new(rounds: u32) -> Self {
        let samples = Vec::new();
        Self { rounds, samples }
    }

    pub(crate) fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// Forgets what these queues reached.
    pub(crate) fn remove(&mut self, names: &[String]) {
        self.samples.retain(|sample| !names.contains(&sample.peer));
    }

    pub(crate) fn print(&self) {
        for (scenario, bar) in BARS {
            let rows = self.rows(scenario);
            println!("\n{scenario}, median of {} rounds", self.rounds);
            println!("  {:24} {:>9}{:>9}", "", "jobs/s", "pgq / it");
            for row in &rows {
                println!("  {row}");
            }
            match verdict(&rows, scenario, bar) {
                Some(Verdict { best, ratio, bar }) => {
                    let met = if ratio >= bar { "ok" } else { "MISSED" };
                    println!("  pgq / {best} = {ratio:.2}, bar >= {bar}: {met}");
                }
                None => println!("  bar >= {bar}: there is nothing to compare"),
            }
        }
    }

    pub(crate) fn print_json(&self) {
        for (scenario, bar) in BARS {
            let rows = self.rows(scenario);
            for Row {
                sample,
                median,
                ratio,
            } in &rows
            {
                let line = serde_json::json!({
                    "scenario": scenario,
                    "peer": sample.peer,
                    "version": sample.version,
                    "variant": sample.variant,
                    "figure": median,
                    "unit": "jobs/s",
                    "jobs": sample.jobs,
                    "history": sample.history,
                    "worker": sample.worker,
                    "pgq_ratio": ratio,
                    "rounds": self.rounds,
                });
                println!("{line}");
            }
            if let Some(Verdict { best, ratio, bar }) = verdict(&rows, scenario, bar) {
                let line = serde_json::json!({
                    "scenario": scenario,
                    "peer": PGQ,
                    "best_peer": best,
                    "ratio": ratio,
                    "bar": format!("ratio >= {bar}"),
                    "ok": ratio >= bar,
                });
                println!("{line}");
            }
        }
    }

    /// Each queue with its best variant, the fastest first.
    fn rows(&self, scenario: &str) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = Vec::new();
        for sample in self
            .samples
            .iter()
            .filter(|sample| sample.scenario == scenario)
        {
            let of_it = self.samples.iter().filter(|other| {
                other.scenario == scenario
                    && other.peer == sample.peer
                    && other.variant == sample.variant
            });
            let median = median(of_it.map(|sample| sample.figure).collect());
            match rows.iter_mut().find(|row| row.sample.peer == sample.peer) {
                Some(row) if row.median >= median => {}
                Some(row) => (row.sample, row.median) = (sample, median),
                None => rows.push(Row {
                    sample,
                    median,
                    ratio: None,
                }),
            }
        }
        let pgq = rows.iter().find(|row| row.sample.peer == PGQ);
        let pgq = pgq.map(|row| row.median);
        for row in &mut rows {
            row.ratio = pgq.map(|pgq| pgq / row.median);
        }
        rows.sort_by(|one, other| other.median.total_cmp(&one.median));
        rows
    }
}

impl std::fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sample = self.sample;
        let name = format!("{} {}", sample.peer, sample.version);
        write!(f, "{name:24} {:>9.0}", self.median)?;
        match self.ratio {
            Some(ratio) if sample.peer != PGQ => write!(f, "{ratio:>9.2}")?,
            _ => write!(f, "{:>9}", "")?,
        }
        write!(f, "  {:>7} jobs", sample.jobs)?;
        if !sample.history {
            write!(f, ", keeps no history")?;
        }
        if !sample.worker {
            write!(f, ", has no worker")?;
        }
        Ok(())
    }
}

/// Compares pgq with the best peer. What has no worker does not drain by itself.
fn verdict<'a>(rows: &[Row<'a>], scenario: &str, bar: f64) -> Option<Verdict<'a>> {
    let best = rows
        .iter()
        .find(|row| row.sample.peer != PGQ && (row.sample.worker || scenario != "drain"))?;
    Some(Verdict {
        best: &best.sample.peer,
        ratio: best.ratio?,
        bar,
    })
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match (figures.len() % 2, middle) {
        (_, 0) => figures.first().copied().unwrap_or(f64::NAN),
        (1, _) => figures[middle],
        _ => f64::midpoint(figures[middle - 1], figures[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(peer: &str, scenario: &str, variant: &str, figure: f64) -> Sample {
        Sample {
            peer: peer.to_owned(),
            version: String::new(),
            scenario: scenario.to_owned(),
            variant: variant.to_owned(),
            figure,
            jobs: 1,
            history: true,
            worker: peer != "raw",
        }
    }

    fn table(samples: &[Sample]) -> Table {
        Table {
            rounds: 1,
            samples: samples.to_vec(),
        }
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(
            median(vec![4.0, 1.0, 2.0, 3.0]).to_bits(),
            2.5_f64.to_bits()
        );
        assert_eq!(median(vec![3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median(vec![3.0]).to_bits(), 3.0_f64.to_bits());
    }

    #[test]
    fn the_best_variant_counts() {
        let table = table(&[
            sample("pgq", "enqueue", "clients: 1", 10.0),
            sample("pgq", "enqueue", "clients: 4", 30.0),
            sample("pgq", "enqueue", "clients: 1", 40.0),
            sample("pgq", "enqueue", "clients: 4", 50.0),
        ]);

        let rows = table.rows("enqueue");

        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].sample.variant, "clients: 4");
        assert_eq!(rows[0].median.to_bits(), 40.0_f64.to_bits());
    }

    #[test]
    fn what_has_no_worker_is_no_peer_in_a_drain() {
        let table = table(&[
            sample("pgq", "drain", "", 30.0),
            sample("raw", "drain", "", 20.0),
            sample("river", "drain", "", 10.0),
            sample("pgq", "enqueue", "", 30.0),
            sample("raw", "enqueue", "", 20.0),
            sample("river", "enqueue", "", 10.0),
        ]);

        let drain = verdict(&table.rows("drain"), "drain", 2.5).unwrap();
        let enqueue = verdict(&table.rows("enqueue"), "enqueue", 1.3).unwrap();

        assert_eq!((drain.best, enqueue.best), ("river", "raw"));
    }

    #[test]
    fn what_failed_once_has_no_row() {
        let mut table = table(&[sample("river", "drain", "", 10.0)]);

        table.remove(&["river".to_owned()]);

        assert!(table.rows("drain").is_empty());
    }
}
