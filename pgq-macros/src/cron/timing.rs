//! When a schedule ticks: an expression by the clocks of a zone, or an interval.

use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use pgq_cron::{Bounds, Expression, Interval};
use proc_macro2::TokenStream;
use quote::quote;
use syn::Expr;

use super::args::Args;
use super::dates::Dates;
use super::zone;
use crate::diagnostics::Diagnostics;
use crate::literal;
use crate::task::duration;

/// How many of the first ticks the docs show.
const SHOWN: usize = 3;

const TWO_TIMINGS: &str = "`every` and a cron expression are two schedules; remove one of them";

const NO_CLOCKS: &str = "`tz` means nothing for an interval, which does not look at clocks; remove \
                         it, or write a cron expression";

pub(super) enum Timing {
    Cron {
        expression: Expression,
        zone: Option<String>,
    },
    Every(Interval),
}

impl Timing {
    /// Reports what is wrong, and then returns `None`.
    pub(super) fn new(args: &Args, diagnostics: &mut Diagnostics) -> Option<Self> {
        let expression = args.expression.as_ref().and_then(|lit| {
            let parsed = Expression::parse(&lit.value());
            let located = parsed.map_err(|error| {
                syn::Error::new(lit.span(), format!("not a cron expression: {error}"))
            });
            diagnostics.ok(located)
        });
        let zone = args.tz.as_ref().map(zone_name);
        let every = args.every.as_ref().map(interval);
        let mut valid = true;
        let mut refuse = |value: &Option<Expr>, message: String| {
            diagnostics.push(syn::Error::new_spanned(value, message));
            valid = false;
        };
        if let Some(Err(problem)) = &zone {
            refuse(&args.tz, format!("`tz` {problem}"));
        }
        if let Some(Err(problem)) = &every {
            refuse(&args.every, format!("`every` {problem}"));
        }
        match (&every, &args.expression, &zone) {
            (Some(_), Some(_), _) => refuse(&args.every, TWO_TIMINGS.to_owned()),
            (Some(_), None, Some(_)) => refuse(&args.tz, NO_CLOCKS.to_owned()),
            _ => {}
        }
        if !valid {
            return None;
        }
        match (expression, every) {
            (Some(expression), _) => Some(Self::Cron {
                expression,
                zone: zone.and_then(Result::ok),
            }),
            (None, every) => every.and_then(Result::ok).map(Self::Every),
        }
    }

    /// The code that makes it.
    pub(super) fn code(&self, private: &TokenStream) -> TokenStream {
        match self {
            Self::Cron { expression, zone } => {
                let expression = expression.as_str();
                let zone = zone.as_deref().unwrap_or("UTC");
                quote!(#private::Timing::cron_in(#expression, #zone))
            }
            Self::Every(interval) => {
                let interval = duration(interval.duration());
                quote!(#private::Timing::Every(#interval))
            }
        }
    }

    /// What its docs say: when it ticks, and the first ticks of a fixed year.
    pub(super) fn doc(&self, dates: &Dates) -> String {
        let bounds = dates.doc();
        let ticks: Vec<_> = self
            .ticks(dates.bounds, new_year(2026))
            .take(SHOWN)
            .map(|tick| tick.format("%Y-%m-%d %H:%M:%S").to_string())
            .collect();
        let ticks = match ticks.join(", ") {
            none if none.is_empty() => "There is no tick from 2026 on.".to_owned(),
            ticks => format!("The first ticks from 2026 on: {ticks}."),
        };
        match self {
            Self::Cron { expression, zone } => {
                let zone = zone.as_deref().unwrap_or("UTC");
                format!("Runs at `{expression}` by the clocks of {zone}{bounds}. {ticks}\n\n")
            }
            Self::Every(interval) => {
                let interval = interval.duration();
                format!("Runs every {interval:?}, in UTC{bounds}. {ticks}\n\n")
            }
        }
    }

    /// Whether any tick is within the bounds.
    pub(super) fn has_tick(&self, bounds: Bounds) -> bool {
        self.ticks(bounds, new_year(1970)).next().is_some()
    }

    /// The ticks from a time on, by the clocks of the zone; without a clock here, so that they are the
    /// same in each build.
    fn ticks(
        &self,
        bounds: Bounds,
        from: NaiveDateTime,
    ) -> impl Iterator<Item = NaiveDateTime> + '_ {
        let from = bounds.starts().map_or(from, |starts| starts.max(from));
        let next = |last: &NaiveDateTime| match self {
            Self::Cron { expression, .. } => expression.next_after(*last),
            Self::Every(interval) => interval
                .next_after(last.and_utc())
                .map(|tick| tick.naive_utc()),
        };
        std::iter::successors(next(&(from - TimeDelta::seconds(1))), next)
            .take_while(move |tick| bounds.ends().is_none_or(|ends| *tick < ends))
    }
}

fn new_year(year: i32) -> NaiveDateTime {
    let date = NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default();
    date.and_time(NaiveTime::MIN)
}

fn zone_name(value: &Expr) -> Result<String, String> {
    let Some(lit) = literal::string(value) else {
        return Err("must be a string, such as `\"Europe/Berlin\"`".to_owned());
    };
    let name = lit.value();
    zone::problem(&name).map_or(Ok(name), Err)
}

fn interval(value: &Expr) -> Result<Interval, String> {
    let duration: Duration = literal::duration(value)?;
    Interval::new(duration).map_err(|error| error.to_string())
}
