//! How long nobody has kept a declaration that another build has stored.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// What was seen of the declaration that is stored for a schedule, by the storage's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Absence {
    digest: i64,
    /// When somebody kept it last, who ticks: ticks since then may be missing.
    kept_at: DateTime<Utc>,
    /// Since when each look has found nobody.
    missing_since: Option<DateTime<Utc>>,
}

impl Absence {
    pub(super) const fn new(digest: i64, now: DateTime<Utc>) -> Self {
        Self {
            digest,
            kept_at: now,
            missing_since: None,
        }
    }

    /// Takes note of a look. Returns since when ticks are missing, once nobody has kept this declaration
    /// for as long as `patience`: a worker that starts has declared before it can be seen, and one that
    /// starts again is away for a moment.
    pub(super) fn look(
        &mut self,
        digest: i64,
        is_kept: bool,
        now: DateTime<Utc>,
        patience: Duration,
    ) -> Option<DateTime<Utc>> {
        if self.digest != digest || is_kept {
            *self = Self::new(digest, now);
        }
        if is_kept {
            return None;
        }
        let since = *self.missing_since.get_or_insert(now);
        let missing = (now - since).to_std().unwrap_or_default();
        (missing >= patience).then_some(self.kept_at)
    }

    /// A look has failed: who may have been there is not known.
    pub(super) fn forget(&mut self) {
        self.missing_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap_or_default()
    }

    #[test]
    fn a_declaration_is_left_alone_until_nobody_has_kept_it_for_long() {
        let mut absence = Absence::new(1, at(0));

        assert_eq!(absence.look(1, true, at(100), PATIENCE), None);
        assert_eq!(absence.look(1, false, at(110), PATIENCE), None);
        assert_eq!(absence.look(1, false, at(119), PATIENCE), None);
        assert_eq!(absence.look(1, false, at(120), PATIENCE), Some(at(100)));
    }

    #[test]
    fn whoever_comes_back_or_declares_otherwise_has_all_the_time_again() {
        let mut absence = Absence::new(1, at(0));

        assert_eq!(absence.look(1, false, at(100), PATIENCE), None);
        assert_eq!(absence.look(1, true, at(105), PATIENCE), None);
        assert_eq!(absence.look(1, false, at(111), PATIENCE), None);
        assert_eq!(absence.look(2, false, at(121), PATIENCE), None);
        assert_eq!(absence.look(2, false, at(131), PATIENCE), Some(at(121)));
    }

    #[test]
    fn a_time_in_which_nobody_could_look_does_not_count() {
        let mut absence = Absence::new(1, at(0));

        assert_eq!(absence.look(1, false, at(100), PATIENCE), None);
        absence.forget();
        assert_eq!(absence.look(1, false, at(200), PATIENCE), None);
        assert_eq!(absence.look(1, false, at(210), PATIENCE), Some(at(0)));
    }
}
