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
    /// Of this key so many start in a time.
    pub(crate) rate: Option<i64>,
}

/// Where a key stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyState {
    /// How many jobs hold the key; of a rate, how many tokens are missing.
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
    /// Each job that starts takes a token of it.
    Rate,
}

impl KeyKind {
    /// How the storage names it.
    pub(crate) const fn as_i16(self) -> i16 {
        match self {
            Self::Order => 1,
            Self::Concurrency => 2,
            Self::Rate => 3,
        }
    }

    /// From what the storage has.
    pub(crate) const fn from_i16(kind: i16) -> Self {
        match kind {
            1 => Self::Order,
            2 => Self::Concurrency,
            _ => Self::Rate,
        }
    }
}

/// How many jobs may hold a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyMax {
    /// How many of a [`KeyKind::Concurrency`] may run.
    pub(crate) running: usize,
    /// How many tokens a full [`KeyKind::Rate`] has.
    pub(crate) burst: usize,
}

impl KeyMax {
    pub(crate) const fn of(self, kind: KeyKind) -> usize {
        match kind {
            KeyKind::Order => 1,
            KeyKind::Concurrency => self.running,
            KeyKind::Rate => self.burst,
        }
    }
}

/// Jobs that have waited and come first now. At no gate do they stand behind others that wait, or two
/// that need the same two keys could wait for each other for ever, each at the front of one line.
pub(crate) type Served = HashSet<i64>;

/// What becomes of a candidate, and the keys that it holds from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    pub(crate) job: i64,
    pub(crate) keys: Vec<(i64, KeyKind)>,
    /// A key that was free for it and that it does not hold, because it could not start.
    pub(crate) freed: Option<(i64, KeyKind)>,
    /// The key that it waits for; `None` if it may start.
    pub(crate) waits: Option<(i64, KeyKind)>,
}

/// Decides about candidates in their order.
///
/// Who waits for a key comes before whoever comes later, so that nobody overtakes; and who waits for
/// permits of one key keeps its place in the order of another. Tokens are taken last, by those that start,
/// and who waits for one holds no permit.
pub(crate) fn admit(
    candidates: &[Candidate],
    keys: &mut HashMap<i64, KeyState>,
    max: KeyMax,
    served: &Served,
) -> Vec<Admission> {
    let mut admissions = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let mut admission = Admission {
            job: candidate.job,
            keys: Vec::new(),
            freed: None,
            waits: None,
        };
        let gates = [
            (candidate.order, KeyKind::Order),
            (candidate.concurrency, KeyKind::Concurrency),
            (candidate.rate, KeyKind::Rate),
        ];
        for (key, kind) in gates {
            let Some(key) = key else { continue };
            let state = keys.entry(key).or_default();
            if !state.own.contains(&candidate.job) {
                let waits = state.waited_for && !served.contains(&candidate.job);
                if state.holders >= max.of(kind) || waits {
                    state.waited_for = true;
                    admission.waits = Some((key, kind));
                    break;
                }
                state.holders += 1;
                state.own.insert(candidate.job);
            }
            admission.keys.push((key, kind));
        }
        if let Some((_, KeyKind::Rate)) = admission.waits {
            admission.give_permit_back(keys, served);
        }
        admissions.push(admission);
    }
    admissions
}

/// A permit of a key that a job has, or has no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permit {
    pub(crate) key: i64,
    pub(crate) kind: KeyKind,
    pub(crate) job: i64,
    pub(crate) held: bool,
}

impl Admission {
    /// What is to be written of its permits. Tokens are none.
    pub(crate) fn permits(&self) -> impl Iterator<Item = Permit> {
        let permit = |held| {
            move |&(key, kind): &(i64, KeyKind)| Permit {
                key,
                kind,
                job: self.job,
                held,
            }
        };
        let held = self.keys.iter().map(permit(true));
        let all = held.chain(self.freed.iter().map(permit(false)));
        all.filter(|permit| permit.kind != KeyKind::Rate)
    }

    /// The key of which it takes a token.
    pub(crate) fn rate(&self) -> Option<i64> {
        let mut keys = self.keys.iter();
        keys.find_map(|(key, kind)| (*kind == KeyKind::Rate).then_some(*key))
    }

    /// That of a newcomer was never written.
    fn give_permit_back(&mut self, keys: &mut HashMap<i64, KeyState>, served: &Served) {
        let is_permit = |key: &(i64, KeyKind)| key.1 == KeyKind::Concurrency;
        let Some(at) = self.keys.iter().position(is_permit) else {
            return;
        };
        let permit = self.keys.remove(at);
        let state = keys.entry(permit.0).or_default();
        state.holders = state.holders.saturating_sub(1);
        state.own.remove(&self.job);
        self.freed = served.contains(&self.job).then_some(permit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ordered(job: i64, key: i64) -> Candidate {
        Candidate {
            job,
            order: Some(key),
            concurrency: None,
            rate: None,
        }
    }

    const fn at_once(job: i64, key: i64) -> Candidate {
        Candidate {
            job,
            order: None,
            concurrency: Some(key),
            rate: None,
        }
    }

    const fn running(running: usize) -> KeyMax {
        KeyMax { running, burst: 2 }
    }

    fn starts(candidates: &[Candidate], keys: &mut HashMap<i64, KeyState>, max: usize) -> Vec<i64> {
        admit(candidates, keys, running(max), &Served::new())
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
            rate: None,
        };
        let mut keys = HashMap::from([(8, full)]);

        let admissions = admit(&[both(1), both(2)], &mut keys, running(1), &Served::new());

        assert_eq!(admissions[0].keys, [(7, KeyKind::Order)]);
        let waits: Vec<_> = admissions.iter().map(|admission| admission.waits).collect();
        assert_eq!(
            waits,
            [Some((8, KeyKind::Concurrency)), Some((7, KeyKind::Order))]
        );
    }

    #[test]
    fn as_many_start_as_there_are_tokens_and_who_waited_before_others() {
        let rated = |job| Candidate {
            job,
            order: None,
            concurrency: None,
            rate: Some(7),
        };
        let jobs = [1, 2, 3].map(rated);
        assert_eq!(starts(&jobs, &mut HashMap::new(), 1), [1, 2]);

        let waited_for = KeyState {
            waited_for: true,
            ..KeyState::default()
        };
        let mut keys = HashMap::from([(7, waited_for)]);
        let admissions = admit(&jobs, &mut keys, running(1), &Served::from([3]));

        let waits: Vec<bool> = admissions.iter().map(|job| job.waits.is_some()).collect();
        assert_eq!(waits, [true, true, false]);
        assert_eq!(keys[&7].holders, 1);
    }

    #[test]
    fn who_waits_for_a_token_holds_no_permit_and_keeps_its_place_in_an_order() {
        let all = |job, order| Candidate {
            job,
            order: Some(order),
            concurrency: Some(8),
            rate: Some(9),
        };
        let empty = KeyState {
            holders: 2,
            ..KeyState::default()
        };
        let mut keys = HashMap::from([(9, empty)]);
        let other = at_once(3, 8);

        let admissions = admit(
            &[all(1, 7), all(2, 7), other],
            &mut keys,
            running(1),
            &Served::from([1]),
        );

        assert_eq!(admissions[0].keys, [(7, KeyKind::Order)]);
        assert_eq!(admissions[0].freed, Some((8, KeyKind::Concurrency)));
        assert_eq!(admissions[0].waits, Some((9, KeyKind::Rate)));
        assert_eq!(admissions[1].waits, Some((7, KeyKind::Order)));
        assert_eq!(admissions[2].waits, None);
    }
}
