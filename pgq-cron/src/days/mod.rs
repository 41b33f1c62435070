//! The dates of an expression whose day fields hold more than numbers.

mod rule;

use chrono::{Datelike, NaiveDate};

use crate::expression::LAST_YEAR;
use crate::field::Field;
use crate::values::Values;

pub(crate) use rule::DayRule;

/// The month and the two day fields of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Days {
    pub(crate) day_of_month: Values,
    pub(crate) month: Values,
    pub(crate) day_of_week: Values,
}

impl Days {
    /// The first date from `from` on, up to the last year.
    pub(crate) fn next(&self, from: NaiveDate) -> Option<NaiveDate> {
        from.iter_days()
            .take_while(|date| date.year() <= LAST_YEAR)
            .find(|date| self.has(*date))
    }

    /// Whether the day of month and the month alone have a date, so that only the day of week can be
    /// what rules it out.
    pub(crate) fn ruled_out_by_weekday(&self) -> bool {
        let any_weekday = Self {
            day_of_week: Values::every(Field::DayOfWeek),
            ..self.clone()
        };
        any_weekday.next(NaiveDate::default()).is_some()
    }

    fn has(&self, date: NaiveDate) -> bool {
        if !self.month.has(date.month()) {
            return false;
        }
        let day_of_month = self.day_of_month.has_day(date.day(), date);
        let weekday = date.weekday().num_days_from_sunday();
        let day_of_week = self.day_of_week.has_day(weekday, date);
        match self.day_of_month.starred || self.day_of_week.starred {
            true => day_of_month && day_of_week,
            false => day_of_month || day_of_week,
        }
    }
}
