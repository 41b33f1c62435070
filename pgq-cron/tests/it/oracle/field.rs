//! Fields that are made up: written as text, and matched by arithmetic.

use std::fmt;

use fastrand::Rng;

use super::month::Month;

/// One field as it is written.
#[derive(Clone)]
pub(super) struct Field {
    min: u32,
    max: u32,
    names: &'static [&'static str],
    items: Vec<Item>,
}

#[derive(Clone)]
enum Item {
    Any,
    Star {
        step: u32,
    },
    One {
        value: u32,
        named: bool,
    },
    Range {
        first: u32,
        last: u32,
        step: u32,
        named: bool,
    },
    From {
        first: u32,
        step: u32,
    },
    /// `L`, and `L-3` with 3.
    FromEnd(u32),
    /// `15W`, and `LW` without a day.
    Nearest(Option<u32>),
    /// `FRI#2`, and `FRIL` without a number.
    Nth {
        weekday: u32,
        named: bool,
        nth: Option<usize>,
    },
}

impl Field {
    pub(super) fn random(
        random: &mut Rng,
        (min, max): (u32, u32),
        names: &'static [&'static str],
    ) -> Self {
        let is_day = (min, max) == (1, 31) || max == 7;
        let star = Item::Star { step: 1 };
        let items = match random.u32(0..10) {
            0 if is_day => vec![Item::Any],
            0..4 => vec![star],
            4..8 => vec![Item::random(random, min, max)],
            _ => (0..random.usize(2..5))
                .map(|_| Item::random(random, min, max))
                .collect(),
        };
        Self {
            min,
            max,
            names,
            items,
        }
    }

    pub(super) fn matches(&self, value: u32) -> bool {
        let sunday = self.max == 7 && value == 0;
        self.items
            .iter()
            .any(|item| item.matches(self.min, value) || (sunday && item.matches_seven()))
    }

    /// Whether a day of the month is one that `L`, `W` or `#` mean.
    pub(super) fn means(&self, month: &Month, day: u32) -> bool {
        self.items.iter().any(|item| item.means(month) == Some(day))
    }

    pub(super) fn is_starred(&self) -> bool {
        matches!(self.items[0], Item::Any | Item::Star { .. })
    }
}

impl Item {
    fn random(random: &mut Rng, min: u32, max: u32) -> Self {
        let size = if max == 7 { 7 } else { max - min + 1 };
        let step = random.u32(1..=size);
        let named = random.bool();
        match random.u32(0..7) {
            5 | 6 if max == 31 => match random.u32(0..6) {
                0 => Self::FromEnd(0),
                1 | 2 => Self::FromEnd(random.u32(1..=30)),
                3 => Self::Nearest(None),
                _ => Self::Nearest(Some(random.u32(1..=31))),
            },
            5 | 6 if max == 7 => Self::Nth {
                weekday: random.u32(0..=7),
                named,
                nth: random.bool().then(|| random.usize(1..=5)),
            },
            0 => Self::Star { step },
            1 => Self::From {
                first: random.u32(min..min + size),
                step,
            },
            2 => {
                let first = random.u32(min..=max);
                let step = if random.bool() { 1 } else { step };
                Self::Range {
                    first,
                    last: random.u32(first..=max),
                    step,
                    named,
                }
            }
            _ => Self::One {
                value: random.u32(min..=max),
                named,
            },
        }
    }

    fn matches(&self, min: u32, value: u32) -> bool {
        match *self {
            Self::Any => true,
            Self::Star { step } => (value - min).is_multiple_of(step),
            Self::One { value: only, .. } => value == only,
            Self::From { first, step } => value >= first && (value - first).is_multiple_of(step),
            Self::Range {
                first, last, step, ..
            } => (first..=last).contains(&value) && (value - first).is_multiple_of(step),
            Self::FromEnd(_) | Self::Nearest(_) | Self::Nth { .. } => false,
        }
    }

    /// The day of the month that it means; `None` if it is a number, or if the month has no such day.
    fn means(&self, month: &Month) -> Option<u32> {
        match *self {
            Self::FromEnd(days) => month.days().nth_back(days as usize),
            Self::Nearest(None) => month.working_days().next_back(),
            Self::Nearest(Some(day)) => month.nearest_working_day(day),
            Self::Nth { weekday, nth, .. } => match nth {
                Some(nth) => month.weekdays(weekday % 7).nth(nth - 1),
                None => month.weekdays(weekday % 7).next_back(),
            },
            _ => None,
        }
    }

    /// Whether the Sunday at the end of the week, 7, is meant.
    fn matches_seven(&self) -> bool {
        matches!(self, Self::One { .. } | Self::Range { .. }) && self.matches(0, 7)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: u32, named: bool| {
            let index = value.wrapping_sub(self.min) as usize;
            match self.names.get(index) {
                Some(name) if named => (*name).to_owned(),
                _ => value.to_string(),
            }
        };
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match *item {
                Item::Any => f.write_str("?")?,
                Item::Star { step: 1 } => f.write_str("*")?,
                Item::Star { step } => write!(f, "*/{step}")?,
                Item::One { value, named } => f.write_str(&show(value, named))?,
                Item::From { first, step } => write!(f, "{first}/{step}")?,
                Item::FromEnd(0) => f.write_str("L")?,
                Item::FromEnd(days) => write!(f, "l-{days}")?,
                Item::Nearest(None) => f.write_str("Lw")?,
                Item::Nearest(Some(day)) => write!(f, "{day}W")?,
                Item::Nth {
                    weekday,
                    named,
                    nth: Some(nth),
                } => write!(f, "{}#{nth}", show(weekday, named))?,
                Item::Nth { weekday, named, .. } => write!(f, "{}L", show(weekday, named))?,
                Item::Range {
                    first,
                    last,
                    step,
                    named,
                } => {
                    write!(f, "{}-{}", show(first, named), show(last, named))?;
                    if step > 1 {
                        write!(f, "/{step}")?;
                    }
                }
            }
        }
        Ok(())
    }
}
