//! Which of the jobs that wait for keys start, where permits are free.

use std::collections::HashSet;

use super::{KeyKind, KeyMax};

/// A job that waits for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiter {
    pub(crate) job: i64,
    /// The order among all that wait, of whatever key.
    pub(crate) place: i64,
    /// Whether the worker that asks can take it.
    pub(crate) ours: bool,
}

/// A key of which more jobs may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FreeKey {
    pub(crate) key: i64,
    pub(crate) kind: KeyKind,
    /// How many permits are worth something; of a rate, how many tokens are missing.
    pub(crate) held: usize,
    /// The jobs of permits that are worth nothing.
    pub(crate) worthless: Vec<i64>,
    /// Those that wait, in their order; not all of them if there are more than could start.
    pub(crate) waiters: Vec<Waiter>,
}

impl FreeKey {
    /// How many of its jobs may start.
    fn free(&self, max: KeyMax) -> usize {
        max.of(self.kind).saturating_sub(self.held)
    }

    /// Those that start here, if there is room. Of a key that keeps an order only the first may, and so
    /// nobody while that is for another worker.
    fn next(&self, max: KeyMax) -> impl Iterator<Item = Waiter> {
        let looked_at = match self.kind {
            KeyKind::Order => 1,
            KeyKind::Concurrency | KeyKind::Rate => self.waiters.len(),
        };
        let ours = self.waiters.iter().take(looked_at).copied();
        ours.filter(|waiter| waiter.ours).take(self.free(max))
    }

    /// How many jobs may start still, now that these have started.
    pub(crate) fn left(&self, started: &HashSet<i64>, max: KeyMax) -> usize {
        let waiters = self.waiters.iter();
        let started = waiters.filter(|waiter| started.contains(&waiter.job));
        self.free(max).saturating_sub(started.count())
    }

    /// The jobs of the permits that nobody needs, now that these jobs have started. While somebody waits
    /// that could start, one stays at least: by that the key is found.
    pub(crate) fn drops(&self, started: &HashSet<i64>, max: KeyMax) -> Vec<i64> {
        // That of a job that has started is worth something again.
        let others = self.worthless.iter().filter(|job| !started.contains(job));
        others.skip(self.left(started, max)).copied().collect()
    }
}

/// The jobs that start, and the keys that they wait for: those that come first, as many as there is
/// room for.
pub(crate) fn serve(keys: &[FreeKey], max: KeyMax, room: usize) -> Vec<(&FreeKey, i64)> {
    let mut next: Vec<_> = keys
        .iter()
        .flat_map(|key| key.next(max).map(move |waiter| (key, waiter)))
        .collect();
    next.sort_unstable_by_key(|(_, waiter)| waiter.place);
    next.truncate(room);
    next.into_iter()
        .map(|(key, waiter)| (key, waiter.job))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: KeyKind, held: usize, worthless: &[i64], waiters: &[(i64, bool)]) -> FreeKey {
        let waiter = |&(job, ours)| Waiter {
            job,
            place: job,
            ours,
        };
        FreeKey {
            key: 7,
            kind,
            held,
            worthless: worthless.to_vec(),
            waiters: waiters.iter().map(waiter).collect(),
        }
    }

    const fn running(running: usize) -> KeyMax {
        KeyMax { running, burst: 5 }
    }

    fn jobs(keys: &[FreeKey], max: usize, room: usize) -> Vec<i64> {
        let served = serve(keys, running(max), room).into_iter();
        served.map(|(_, job)| job).collect()
    }

    #[test]
    fn the_first_of_each_order_starts_and_none_before_it() {
        let keys = [
            key(KeyKind::Order, 0, &[1], &[(5, true), (6, true)]),
            key(KeyKind::Order, 0, &[2], &[(3, false), (4, true)]),
        ];

        assert_eq!(jobs(&keys, 9, 9), [5]);
    }

    #[test]
    fn as_many_start_as_a_key_has_free_and_there_is_room_for() {
        let waiters = [(3, true), (4, false), (5, true), (6, true)];
        let keys = [key(KeyKind::Concurrency, 1, &[1, 2], &waiters)];

        assert_eq!(jobs(&keys, 3, 9), [3, 5]);
        assert_eq!(jobs(&keys, 3, 1), [3]);
        assert_eq!(jobs(&keys, 1, 9), Vec::<i64>::new());
    }

    #[test]
    fn as_many_start_as_there_are_tokens() {
        let waiters = [(3, true), (4, false), (5, true), (6, true)];
        let keys = [key(KeyKind::Rate, 3, &[], &waiters)];

        assert_eq!(jobs(&keys, 1, 9), [3, 5]);
    }

    #[test]
    fn who_comes_first_starts_whatever_its_key() {
        let keys = [
            key(KeyKind::Order, 0, &[1], &[(6, true)]),
            key(KeyKind::Order, 0, &[2], &[(5, true)]),
        ];

        assert_eq!(jobs(&keys, 1, 1), [5]);
    }

    #[test]
    fn permits_stay_for_those_who_wait_still() {
        let waiters = [(3, true), (4, true), (5, true)];
        let free = key(KeyKind::Concurrency, 0, &[1, 2], &waiters);

        assert_eq!(free.drops(&HashSet::new(), running(2)), Vec::<i64>::new());
        assert_eq!(free.drops(&HashSet::from([3]), running(2)), [2]);
        assert_eq!(free.drops(&HashSet::from([3, 4]), running(2)), [1, 2]);
        // The limit was lowered.
        assert_eq!(free.drops(&HashSet::new(), running(0)), [1, 2]);
    }

    #[test]
    fn who_had_a_permit_before_has_that_again() {
        let waiters = [(1, true), (4, true)];
        let free = key(KeyKind::Concurrency, 0, &[1, 2], &waiters);

        assert_eq!(
            free.drops(&HashSet::from([1]), running(2)),
            Vec::<i64>::new()
        );
    }
}
