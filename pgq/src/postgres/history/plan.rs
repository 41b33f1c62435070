//! What is to be done about the partitions: pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{Partition, Series};

/// How many partitions are made ahead, beside the one that rows go to now.
pub(super) const AHEAD: i64 = 2;

/// What has become of a table that has the name of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is a partition, into which rows have been written.
    Filled,
    /// It is a partition, into which nothing has been written.
    Empty,
    /// Its detachment has begun, and has not ended.
    Leaving,
    /// It is a table of its own: detached, or made and not attached.
    Alone,
}

/// What is to be done, in this order. Each list is oldest first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) make: Vec<Partition>,
    /// Made already, but not attached.
    pub(super) attach: Vec<Partition>,
    /// Their detachment is to be brought to an end.
    pub(super) finalize: Vec<Partition>,
    pub(super) detach: Vec<Partition>,
    pub(super) drop: Vec<Partition>,
}

/// Says what is to be done at `hour`, if the jobs of `wanted` end up in those series.
///
/// A series that somebody has written to is provided for as well: it may belong to a service that
/// has been down for a while, or that is not this one. Once all of it has been dropped, it is left
/// alone.
pub(super) fn plan(
    tables: &BTreeMap<Partition, Stage>,
    wanted: &BTreeSet<Series>,
    hour: i64,
) -> Plan {
    let mut plan = Plan::default();
    let filled = tables
        .iter()
        .filter(|(_, stage)| **stage == Stage::Filled)
        .map(|(partition, _)| partition.series);
    let in_use: BTreeSet<Series> = wanted.iter().copied().chain(filled).collect();
    for partition in in_use.into_iter().flat_map(|series| ahead(series, hour)) {
        match tables.get(&partition) {
            None => plan.make.push(partition),
            Some(Stage::Alone) => plan.attach.push(partition),
            Some(Stage::Filled | Stage::Empty | Stage::Leaving) => {}
        }
    }
    for (&partition, stage) in tables {
        match stage {
            Stage::Leaving => plan.finalize.push(partition),
            _ if !partition.has_expired(hour) => {}
            Stage::Filled | Stage::Empty => plan.detach.push(partition),
            Stage::Alone => plan.drop.push(partition),
        }
    }
    for list in [&mut plan.finalize, &mut plan.detach, &mut plan.drop] {
        list.sort_by_key(|partition| partition.end());
    }
    plan
}

/// The partitions that there must be at `hour`, with those that are made ahead.
fn ahead(series: Series, hour: i64) -> impl Iterator<Item = Partition> {
    let first = series.at(hour);
    (0..=AHEAD).map(move |number| Partition {
        begin: first.begin + number * series.width(),
        ..first
    })
}

#[cfg(test)]
mod tests {
    use super::super::Finished;
    use super::*;
    use crate::job::Retention;

    /// Jobs that completed, and are kept for a day: the partitions are six hours wide.
    const DAY: Series = Series::Finished(Finished::Completed, Retention::DAY);
    const HOUR: Series = Series::Result(Retention::HOUR);

    const fn part(series: Series, begin: i64) -> Partition {
        Partition { series, begin }
    }

    fn begins(partitions: &[Partition]) -> Vec<i64> {
        partitions.iter().map(|partition| partition.begin).collect()
    }

    #[test]
    fn partitions_are_made_for_now_and_ahead() {
        let cases = [
            (DAY, 600, None, vec![600, 606, 612], vec![]),
            (DAY, 605, None, vec![600, 606, 612], vec![]),
            (DAY, 606, Some((606, Stage::Empty)), vec![612, 618], vec![]),
            (DAY, 606, Some((612, Stage::Filled)), vec![606, 618], vec![]),
            // Made, but not attached.
            (
                DAY,
                606,
                Some((606, Stage::Alone)),
                vec![612, 618],
                vec![606],
            ),
            (HOUR, 600, None, vec![600, 601, 602], vec![]),
            (HOUR, -1, None, vec![-1, 0, 1], vec![]),
        ];
        for (series, hour, table, made, attached) in cases {
            let tables = table
                .into_iter()
                .map(|(begin, stage)| (part(series, begin), stage))
                .collect();

            let plan = plan(&tables, &BTreeSet::from([series]), hour);

            let what = format!("{series:?} at {hour} with {tables:?}");
            assert_eq!(begins(&plan.make), made, "{what}");
            assert_eq!(begins(&plan.attach), attached, "{what}");
        }
    }

    #[test]
    fn a_series_is_provided_for_while_something_of_it_is_kept() {
        let long_ago = part(DAY, 6);
        let cases = [(Stage::Filled, 3), (Stage::Empty, 0), (Stage::Alone, 0)];
        for (stage, made) in cases {
            let plan = plan(&BTreeMap::from([(long_ago, stage)]), &BTreeSet::new(), 600);

            assert_eq!(plan.make.len(), made, "{stage:?}");
        }
    }

    #[test]
    fn what_has_been_kept_for_long_enough_goes_in_steps() {
        let partition = part(DAY, 600);
        let nothing: &[i64] = &[];
        let it: &[i64] = &[600];
        // It ends at 606; its last row is kept until 630.
        let cases = [
            (Stage::Filled, 629, [nothing, nothing, nothing]),
            (Stage::Filled, 630, [nothing, it, nothing]),
            (Stage::Empty, 630, [nothing, it, nothing]),
            (Stage::Leaving, 630, [it, nothing, nothing]),
            // Begun under a clock that was ahead.
            (Stage::Leaving, 629, [it, nothing, nothing]),
            (Stage::Alone, 629, [nothing, nothing, nothing]),
            (Stage::Alone, 630, [nothing, nothing, it]),
        ];
        for (stage, hour, expected) in cases {
            let plan = plan(
                &BTreeMap::from([(partition, stage)]),
                &BTreeSet::new(),
                hour,
            );

            let planned = [&plan.finalize, &plan.detach, &plan.drop].map(|list| begins(list));
            assert_eq!(planned, expected, "{stage:?} at {hour}");
        }
    }

    #[test]
    fn each_state_is_kept_for_its_own_time_and_the_oldest_goes_first() {
        let failed = Series::Finished(Finished::Failed, Retention::TWO_WEEKS);
        let tables = BTreeMap::from([
            (part(DAY, 600), Stage::Filled),
            (part(DAY, 606), Stage::Filled),
            (part(HOUR, 601), Stage::Filled),
            (part(failed, 504), Stage::Filled),
        ]);

        let plan = plan(&tables, &BTreeSet::new(), 640);

        assert_eq!(
            plan.detach,
            [part(HOUR, 601), part(DAY, 600), part(DAY, 606)]
        );
    }

    #[test]
    fn a_partition_is_known_by_its_exact_name() {
        for series in [
            DAY,
            HOUR,
            Series::Failure(Retention::YEAR),
            Series::Finished(Finished::Failed, Retention::TWO_WEEKS),
        ] {
            for hour in [-7, 0, 495_000] {
                let partition = series.at(hour);
                assert_eq!(Partition::from_name(&partition.name()), Some(partition));
            }
        }
        for other in [
            "finished",
            "finished_1_24",
            "finished_1_24_",
            "finished_1_24_601",
            "finished_1_24_0600",
            "finished_1_24_+600",
            "finished_01_24_600",
            "finished_5_24_600",
            "finished_1_25_600",
            "finished_1_24_600_old",
            "finished_24_600",
            "my_finished_1_24_600",
            "Finished_1_24_600",
            "result_1_24_600",
            "result_24_99999999999999999999",
            "archive_24_600",
        ] {
            assert_eq!(Partition::from_name(other), None, "{other}");
        }
    }
}
