//! When to look at which schedule.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};

/// When each schedule is to be looked at that a worker ticks, and of which change it knows. What a schedule
/// is stays in the storage until then.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    entries: HashMap<String, Entry>,
    order: BTreeSet<(DateTime<Utc>, String)>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    revision: i64,
    /// `None` if nothing is to come.
    at: Option<DateTime<Utc>>,
}

impl Agenda {
    /// A schedule has changed: it is to be looked at, unless this change is known.
    pub(super) fn changed(&mut self, name: &str, revision: i64) {
        let known = self.entries.get(name).map(|entry| entry.revision);
        if known != Some(revision) {
            self.set(name, revision, Some(DateTime::<Utc>::MIN_UTC));
        }
    }

    /// Takes note of the revision of a schedule that is due, and stays so: until its ticks have been fired
    /// nobody may forget them.
    pub(super) fn stay(&mut self, name: &str, revision: i64, now: DateTime<Utc>) {
        let planned = self.at(name);
        self.set(name, revision, Some(planned.map_or(now, |at| at.min(now))));
    }

    /// Sets when a schedule of this revision is to be looked at next.
    pub(super) fn set(&mut self, name: &str, revision: i64, at: Option<DateTime<Utc>>) {
        self.forget(name);
        self.entries.insert(name.to_owned(), Entry { revision, at });
        if let Some(at) = at {
            self.order.insert((at, name.to_owned()));
        }
    }

    /// Sets when a schedule is to be looked at next, if it is known.
    pub(super) fn look_at(&mut self, name: &str, at: DateTime<Utc>) {
        if let Some(entry) = self.entries.get(name).copied() {
            self.set(name, entry.revision, Some(at));
        }
    }

    /// Looks at a schedule at this time, unless it is to be looked at before that.
    pub(super) fn look_no_later(&mut self, name: &str, at: DateTime<Utc>) {
        let planned = self.at(name);
        self.look_at(name, planned.map_or(at, |planned| planned.min(at)));
    }

    /// When a schedule is to be looked at next.
    pub(super) fn at(&self, name: &str) -> Option<DateTime<Utc>> {
        self.entries.get(name).and_then(|entry| entry.at)
    }

    /// Forgets all others.
    pub(super) fn retain(&mut self, names: &HashSet<String>) {
        self.entries.retain(|name, _| names.contains(name));
        self.order.retain(|(_, name)| names.contains(name));
    }

    pub(super) fn forget(&mut self, name: &str) {
        if let Some((name, entry)) = self.entries.remove_entry(name)
            && let Some(at) = entry.at
        {
            self.order.remove(&(at, name));
        }
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// What is to be looked at by now.
    pub(super) fn due(&self, now: DateTime<Utc>) -> Vec<String> {
        let due = self.order.iter().take_while(|(at, _)| *at <= now);
        due.map(|(_, name)| name.clone()).collect()
    }

    /// When something is to be looked at next.
    pub(super) fn next(&self) -> Option<DateTime<Utc>> {
        self.order.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap_or_default()
    }

    #[test]
    fn what_is_due_is_looked_at_in_its_order() {
        let mut agenda = Agenda::default();
        agenda.set("late", 1, Some(at(30)));
        agenda.set("early", 2, Some(at(10)));
        agenda.set("ended", 3, None);
        agenda.set("early", 2, Some(at(20)));

        assert_eq!(agenda.due(at(19)), Vec::<String>::new());
        assert_eq!(agenda.due(at(20)), ["early"]);
        assert_eq!(agenda.due(at(99)), ["early", "late"]);
        assert_eq!(agenda.next(), Some(at(20)));
        agenda.forget("early");
        agenda.forget("unknown");
        assert_eq!(agenda.next(), Some(at(30)));
        assert!(agenda.knows("ended") && !agenda.knows("early"));
    }

    #[test]
    fn what_is_due_stays_so_in_its_place() {
        let mut agenda = Agenda::default();
        agenda.set("b", 1, Some(at(10)));
        agenda.set("a", 1, Some(at(20)));
        agenda.stay("b", 2, at(30));
        agenda.stay("c", 1, at(30));

        assert_eq!(agenda.due(at(30)), ["b", "a", "c"]);
        agenda.changed("b", 2);
        assert_eq!(agenda.next(), Some(at(10)));
        agenda.set("ended", 1, None);
        agenda.retain(&HashSet::from(["a".to_owned()]));
        assert_eq!(agenda.due(at(99)), ["a"]);
        assert!(!agenda.knows("ended") && agenda.knows("a"));
    }

    #[test]
    fn only_a_change_that_is_news_is_looked_at() {
        let mut agenda = Agenda::default();
        agenda.changed("a", 1);
        assert_eq!(agenda.due(at(0)), ["a"]);
        agenda.set("a", 1, Some(at(10)));

        agenda.changed("a", 1);
        assert_eq!(agenda.due(at(0)), Vec::<String>::new());
        agenda.changed("a", 2);
        assert_eq!(agenda.due(at(0)), ["a"]);
        agenda.look_at("b", at(0));
        assert!(!agenda.knows("b"));
    }
}
