//! What every driver promises about ticks of tasks whose jobs are unique.

use pgq::driver::{NewJob, Schedule, Tick};
use pgq::{Conflict, Enqueued, Overlap};

use super::unique::{SKIP, claimed, job, key, of, put};
use super::{LONG, Storage, conformance};

conformance! {
    a_tick_has_no_job_while_one_is_there_that_is_the_same,
    a_tick_that_nobody_wins_takes_no_key,
}

/// A tick of a schedule whose last one was at `previous`.
fn tick(previous: chrono::DateTime<chrono::Utc>, job: NewJob) -> Tick {
    Tick {
        schedule: hourly().name,
        digest: hourly().digest(),
        previous,
        at: previous + LONG,
        overlap: Overlap::Allow,
        enqueue: of([job]),
        is_stored: false,
    }
}

fn hourly() -> Schedule {
    Schedule {
        name: "hourly".to_owned(),
        task: super::TASK.to_owned(),
        expression: "@hourly".to_owned(),
        zone: "UTC".to_owned(),
        starts_at: None,
        ends_at: None,
        policy: pgq::driver::Policy::default(),
        template: pgq::driver::Template::default(),
    }
}

async fn last_tick(storage: &Storage) -> anyhow::Result<chrono::DateTime<chrono::Utc>> {
    storage.declare_schedules(&[hourly()]).await?;
    let state = storage.schedules(&["hourly".to_owned()]).await?;
    Ok(state.schedules[0].last_tick)
}

async fn a_tick_has_no_job_while_one_is_there_that_is_the_same(
    storage: &Storage,
) -> anyhow::Result<()> {
    let previous = last_tick(storage).await?;

    let first = storage
        .tick(tick(previous, job("1", key("k", SKIP))))
        .await?;
    let second = tick(previous + LONG, job("2", key("k", Conflict::Raise)));
    let second = storage.tick(second).await?;
    let third = tick(previous + LONG * 2, job("3", key("k", Conflict::Replace)));
    let third = storage.tick(third).await?;

    assert!(first.is_some());
    assert_eq!((second, third), (None, first));
    assert_eq!(last_tick(storage).await?, previous + LONG * 3);
    assert_eq!(claimed(storage).await?, ["3"]);
    Ok(())
}

async fn a_tick_that_nobody_wins_takes_no_key(storage: &Storage) -> anyhow::Result<()> {
    let previous = last_tick(storage).await?;
    let late = tick(previous - LONG, job("1", key("k", SKIP)));

    assert_eq!(storage.tick(late).await?, None);

    let [(_, enqueued)] = put(storage, [job("2", key("k", SKIP))]).await?;
    assert_eq!(enqueued, Enqueued::New);
    Ok(())
}
