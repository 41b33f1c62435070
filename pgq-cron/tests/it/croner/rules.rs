//! Why croner ticks at other times: each rule says what is another there, and which instants it
//! explains.

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Utc};

use super::cases::{Day, Days};
use super::window::{Minute, Table, Window};

/// A known difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    /// Several fixed times a day are an interval to croner, which leaves out what a gap skips. Here
    /// they are made up for right after the gap, once.
    SeveralTimesInAGap,
    /// Several fixed times a day are an interval to croner, which ticks at both times that clocks show
    /// them. Here they tick the first time.
    SeveralTimesShownTwice,
    /// croner drops a time that a gap skips if the date after the gap is not one of the expression's.
    /// Here it ticks right after the gap, whatever the date is then.
    GapOverMidnight,
    /// croner does not look further than two hours for the end of a gap.
    LongGap,
    /// croner takes either day field if both are restricted, and holds `*/2` to be restricted. Here, as
    /// in crontab, a field that begins with `*` is not.
    StarWithAStep,
}

/// What is known of a tick that only one of the two has.
pub(super) struct Difference<'a> {
    pub(super) at: DateTime<Utc>,
    /// Whether it is croner's.
    pub(super) is_croner: bool,
    pub(super) window: &'a Window,
    pub(super) times: &'a Table,
    pub(super) days: &'a Days,
}

impl Difference<'_> {
    /// The rule that explains it.
    pub(super) fn rule(&self) -> Option<Rule> {
        let minute = self.window.minute(self.at);
        let fixed = !self.times.is_wildcard;
        let several = fixed && self.times.ticks_of_a_day() > 1;
        let ends_gap = self.at == minute.at && self.skips_a_time(minute);
        let gap = minute.local - minute.reached;
        if !self.is_croner && several && ends_gap {
            return Some(Rule::SeveralTimesInAGap);
        }
        let is_time = self.times.has(minute.local, self.at) && self.has_date(minute.local);
        if self.is_croner && several && is_time && minute.is_repeated() {
            return Some(Rule::SeveralTimesShownTwice);
        }
        if !self.is_croner && fixed && ends_gap && gap > TimeDelta::hours(2) {
            return Some(Rule::LongGap);
        }
        if !self.is_croner && fixed && ends_gap && minute.local.day() != minute.reached.day() {
            return Some(Rule::GapOverMidnight);
        }
        if !self.is_about_the_date(minute) {
            return None;
        }
        let mut fields = self.days.text.split(' ');
        let (first, last) = (fields.next()?, fields.next_back()?);
        let restricted = |field: &str| field != "*" && field != "?";
        let stepped = first.starts_with("*/") || last.starts_with("*/");
        if self.is_croner && stepped && restricted(first) && restricted(last) {
            return Some(Rule::StarWithAStep);
        }
        None
    }

    /// Whether a time of the expression ticks there, but for its date.
    fn is_about_the_date(&self, minute: &Minute) -> bool {
        let own = self
            .times
            .has(minute.local, self.at)
            .then_some(minute.local);
        let made_up = minute.skipped().filter(|skipped| {
            self.at == minute.at && !self.times.is_wildcard && self.times.any(*skipped)
        });
        own.into_iter()
            .chain(made_up)
            .any(|local| self.has_date(local) != self.is_croner)
    }

    fn has_date(&self, local: NaiveDateTime) -> bool {
        (self.days.has)(Day::of(local.date()))
    }

    /// Whether a time of the expression is among those that clocks skipped.
    fn skips_a_time(&self, minute: &Minute) -> bool {
        let mut skipped = minute.skipped();
        skipped.any(|skipped| self.times.any(skipped))
    }
}
