//! What processes have used of the processor.

use std::collections::HashMap;
use std::fs;

/// Milliseconds of a tick, in which Linux counts.
const TICK_MS: f64 = 10.0;

/// What each of some processes has used since it began, in milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Used(HashMap<i32, f64>);

impl Used {
    /// Of those processes that are there.
    pub(crate) fn of(processes: &[i32]) -> Self {
        let used = |process: &i32| Some((*process, milliseconds(*process)?));
        Self(processes.iter().filter_map(used).collect())
    }

    /// What has been used since `before`. One that has ended meanwhile is left out, since nobody knows.
    pub(crate) fn since(&self, before: &Self) -> f64 {
        let used = self.0.iter();
        used.map(|(process, used)| used - before.0.get(process).copied().unwrap_or(0.0))
            .sum()
    }

    /// Whether this machine tells nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn milliseconds(process: i32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it can hold anything.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) * TICK_MS)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_there() {
        let id = i32::try_from(std::process::id()).unwrap();

        let used = Used::of(&[id]);

        assert!(!used.is_empty());
        assert_eq!(used.since(&used).to_bits(), 0.0_f64.to_bits());
        assert!(used.since(&Used::default()) >= 0.0);
    }

    #[test]
    fn a_process_that_is_not_there_is_left_out() {
        assert!(Used::of(&[i32::MAX]).is_empty());
    }
}
