//! What clocks show, from the source and not from what is tested.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// No zone has two changes of its clocks within that time.
const STEP: TimeDelta = TimeDelta::hours(6);

const HOUR: TimeDelta = TimeDelta::hours(1);

/// What clocks show more than UTC.
pub(crate) fn offset(zone: Tz, at: DateTime<Utc>) -> TimeDelta {
    let offset = zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    TimeDelta::seconds(offset.local_minus_utc().into())
}

/// What clocks show.
pub(crate) fn shown(zone: Tz, at: DateTime<Utc>) -> NaiveDateTime {
    at.naive_utc() + offset(zone, at)
}

/// The hours after which clocks show something else than an hour more.
pub(crate) fn changes(zone: Tz, years: Range<i32>) -> Vec<DateTime<Utc>> {
    let [start, end] =
        [years.start, years.end].map(|year| Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap());
    let steps = (0..).map(|step| start + STEP * step);
    steps
        .take_while(|step| *step < end)
        .filter(|step| offset(zone, *step) != offset(zone, *step + STEP))
        .filter_map(|step| {
            let hours = (0..6).map(|hour| step + HOUR * hour);
            let mut changed =
                hours.filter(|hour| offset(zone, *hour) != offset(zone, *hour + HOUR));
            changed.next()
        })
        .collect()
}

/// A zone with its changes.
pub(crate) type Changing = (Tz, Vec<DateTime<Utc>>);

/// Of zones whose clocks always show the same in these years, the first one.
pub(crate) fn distinct(zones: impl Iterator<Item = Tz>, years: &Range<i32>) -> Vec<Changing> {
    let mut known = BTreeMap::new();
    let start = Utc.with_ymd_and_hms(years.start, 1, 1, 0, 0, 0).unwrap();
    for zone in zones {
        let changes = changes(zone, years.clone());
        let offsets: Vec<_> = std::iter::once((start, offset(zone, start)))
            .chain(
                changes
                    .iter()
                    .map(|hour| (*hour, offset(zone, *hour + HOUR))),
            )
            .map(|(at, offset)| (at, offset.num_seconds()))
            .collect();
        known.entry(offsets).or_insert((zone, changes));
    }
    known.into_values().collect()
}
