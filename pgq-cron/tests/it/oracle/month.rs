//! A month as it hangs on the wall: its days and their weekdays, in a list.

use chrono::{Datelike, NaiveDate};

/// The days of a month, from the first on, with their weekdays; Sunday is 0.
pub(crate) struct Month(Vec<(u32, u32)>);

impl Month {
    pub(crate) fn of(date: NaiveDate) -> Self {
        let days = (1..=31).filter_map(|day| date.with_day(day));
        Self(
            days.map(|date| (date.day(), date.weekday().num_days_from_sunday()))
                .collect(),
        )
    }

    pub(crate) fn days(&self) -> impl DoubleEndedIterator<Item = u32> {
        self.0.iter().map(|(day, _)| *day)
    }

    pub(crate) fn weekdays(&self, weekday: u32) -> impl DoubleEndedIterator<Item = u32> {
        let days = self.0.iter().filter(move |(_, of)| *of == weekday);
        days.map(|(day, _)| *day)
    }

    pub(crate) fn working_days(&self) -> impl DoubleEndedIterator<Item = u32> {
        let days = self.0.iter().filter(|(_, of)| (1..=5).contains(of));
        days.map(|(day, _)| *day)
    }

    /// No two working days are as near: of a weekend, one day is Saturday and one is Sunday.
    pub(crate) fn nearest_working_day(&self, day: u32) -> Option<u32> {
        self.days().find(|own| *own == day)?;
        self.working_days().min_by_key(|own| own.abs_diff(day))
    }
}
