//! Which jobs of a task may start by their keys, and which wait for a key.

use std::collections::{HashMap, HashSet};

/// A job that could start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) job: i64,
    /// Of this key one job runs at a time, in order.
    pub(crate) order: Option<i64>,
    /// Of this key so many run at once.
    pub(crate) concurrency: Option<i64>,
}

/// Where a key stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyState {
    /// How many jobs hold the key.
    pub(crate) holders: usize,
    /// The candidates among them.
    pub(crate) own: HashSet<i64>,
    /// Whether jobs wait for it.
    pub(crate) waited_for: bool,
}

/// What a key limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// One job holds it until it has ended for good, or is put off before it has begun.
    Order,
    /// Some jobs hold it, each while it runs.
    Concurrency,
}

impl KeyKind {
    /// How the storage names it.
    pub(crate) const fn as_i16(self) -> i16 {
        match self {
            Self::Order => 1,
            Self::Concurrency => 2,
        }
    }

    /// From what the storage has.
    pub(crate) const fn from_i16(kind: i16) -> Self {
        match kind {
            1 => Self::Order,
            _ => Self::Concurrency,
        }
    }
}

/// What becomes of a candidate, and the keys that it holds from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    pub(crate) job: i64,
    pub(crate) keys: Vec<(i64, KeyKind)>,
    /// The key that it waits for; `None` if it may start.
    pub(crate) waits: Option<(i64, KeyKind)>,
}

/// Decides about candidates in their order. `running` is how many jobs of a key of
/// [`KeyKind::Concurrency`] may run.
///
/// Who waits for a key comes before whoever comes later, so that nobody overtakes; and who waits for
/// permits of one key keeps its place in the order of another.
pub(crate) fn admit(
    candidates: &[Candidate],
    keys: &mut HashMap<i64, KeyState>,
    running: usize,
) -> Vec<Admission> {
    let mut admissions = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let mut admission = Admission {
            job: candidate.job,
            keys: Vec::new(),
            waits: None,
        };
        let gates = [
            (candidate.order, KeyKind::Order, 1),
            (candidate.concurrency, KeyKind::Concurrency, running),
        ];
        for (key, kind, max) in gates {
            let Some(key) = key else { continue };
            let state = keys.entry(key).or_default();
            if !state.own.contains(&candidate.job) {
                if state.holders >= max || state.waited_for {
                    state.waited_for = true;
                    admission.waits = Some((key, kind));
                    break;
                }
                state.holders += 1;
                state.own.insert(candidate.job);
            }
            admission.keys.push((key, kind));
        }
        admissions.push(admission);
    }
    admissions
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ordered(job: i64, key: i64) -> Candidate {
        Candidate {
            job,
            order: Some(key),
            concurrency: None,
        }
    }

    const fn at_once(job: i64, key: i64) -> Candidate {
        Candidate {
            job,
            order: None,
            concurrency: Some(key),
        }
    }

    fn starts(candidates: &[Candidate], keys: &mut HashMap<i64, KeyState>, max: usize) -> Vec<i64> {
        admit(candidates, keys, max)
            .into_iter()
            .filter(|admission| admission.waits.is_none())
            .map(|admission| admission.job)
            .collect()
    }

    #[test]
    fn one_job_of_each_key_starts_where_order_is_kept() {
        let jobs = [ordered(1, 7), ordered(2, 7), ordered(3, 8)];

        assert_eq!(starts(&jobs, &mut HashMap::new(), 1), [1, 3]);
    }

    #[test]
    fn as_many_start_as_a_key_allows() {
        let jobs = [1, 2, 3, 4].map(|job| at_once(job, 7));

        assert_eq!(starts(&jobs, &mut HashMap::new(), 2), [1, 2]);
    }

    #[test]
    fn nobody_overtakes_who_waits() {
        let waited_for = KeyState {
            waited_for: true,
            ..KeyState::default()
        };
        let mut keys = HashMap::from([(7, waited_for.clone()), (8, waited_for)]);

        assert_eq!(
            starts(&[ordered(1, 7), at_once(2, 8)], &mut keys, 2),
            Vec::<i64>::new()
        );
    }

    #[test]
    fn who_holds_a_key_starts() {
        let held = KeyState {
            holders: 1,
            own: HashSet::from([2]),
            waited_for: true,
        };
        let mut keys = HashMap::from([(7, held)]);

        assert_eq!(starts(&[ordered(1, 7), ordered(2, 7)], &mut keys, 1), [2]);
    }

    #[test]
    fn who_waits_for_a_key_keeps_its_place_in_the_order_of_another() {
        let full = KeyState {
            holders: 1,
            ..KeyState::default()
        };
        let both = |job| Candidate {
            job,
            order: Some(7),
            concurrency: Some(8),
        };
        let mut keys = HashMap::from([(8, full)]);

        let admissions = admit(&[both(1), both(2)], &mut keys, 1);

        assert_eq!(admissions[0].keys, [(7, KeyKind::Order)]);
        let waits: Vec<_> = admissions.iter().map(|admission| admission.waits).collect();
        assert_eq!(
            waits,
            [Some((8, KeyKind::Concurrency)), Some((7, KeyKind::Order))]
        );
    }
}
