//! Schedules beside one that cannot go on: others hold it or what it needs, or nobody can read it.

use std::time::Duration;

use pgq::{
    CancellationToken, Overlap, Registration, Run, ScheduleDescriptor, ScheduleError,
    ScheduleHandle, Schedules, Source, Task as _, Timing, When,
};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;
use tokio::time::timeout;

use super::{count, worker};

#[pgq::task(name = "held/note")]
async fn note(number: u32) {
    let _ = number;
}

/// Longer than anything takes that waits for nobody, and shorter than the server's patience.
const SOON: Duration = Duration::from_secs(10);

fn hourly() -> When {
    When::cron("0 * * * *")
}

fn run(
    database: &TestDatabase,
    stop: &CancellationToken,
) -> tokio::task::JoinHandle<pgq::Result<()>> {
    let run = worker::<note>(database).poll_interval(Duration::from_secs(60));
    tokio::spawn(run.stop_on(stop.clone()).into_future())
}

async fn go_back(pool: &PgPool) -> anyhow::Result<()> {
    sqlx::query("update pgq_jobs.schedule set last_tick = last_tick - interval '1 hour'")
        .execute(pool)
        .await?;
    Ok(())
}

async fn have_ticked(pool: &PgPool, names: &[&str]) -> anyhow::Result<()> {
    let ticked = eventually("they have ticked", async || {
        for name in names {
            if ScheduleHandle::named(*name)
                .get(pool)
                .await?
                .recent
                .is_empty()
            {
                return Ok(false);
            }
        }
        Ok(true)
    });
    timeout(SOON, ticked).await?
}

#[tokio::test]
async fn a_tick_that_waits_for_a_key_holds_up_no_others() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let unique = |key: &str, name: &str| note::job(1).unique(key).schedule(name, hourly());
    unique("one", "a").create(pool).await?;
    unique("other", "b").create(pool).await?;
    let cancelling = note::job(1).schedule("c", hourly());
    cancelling
        .overlap(Overlap::CancelRunning)
        .create(pool)
        .await?;
    note::job(1).schedule("d", hourly()).create(pool).await?;
    go_back(pool).await?;
    let mut transaction = pool.begin().await?;
    note::job(1)
        .unique("one")
        .enqueue(&mut *transaction)
        .await?;

    let stop = CancellationToken::new();
    let workers = [(); 2].map(|()| run(&database, &stop));
    have_ticked(pool, &["b", "c", "d"]).await?;

    assert_eq!(ScheduleHandle::named("a").get(pool).await?.recent, []);
    transaction.rollback().await?;
    have_ticked(pool, &["a"]).await?;
    stop.cancel();
    for worker in workers {
        worker.await??;
    }
    assert_eq!(count(pool, "job").await?, 4);
    Ok(())
}

#[tokio::test]
async fn a_row_that_somebody_locks_holds_up_no_other_schedule() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    for name in ["a", "b", "c", "d", "e"] {
        note::job(1).schedule(name, hourly()).create(pool).await?;
    }
    go_back(pool).await?;
    let mut transaction = pool.begin().await?;
    sqlx::query("select from pgq_jobs.schedule where name = 'b' for update")
        .execute(&mut *transaction)
        .await?;

    let stop = CancellationToken::new();
    let first = run(&database, &stop);
    have_ticked(pool, &["a", "c", "d", "e"]).await?;
    let paused = ScheduleHandle::named("b");
    let pausing = tokio::spawn({
        let pool = pool.clone();
        async move { paused.pause(&pool).await }
    });
    eventually("the pause waits", async || {
        let waiting = "select count(*) from pg_stat_activity
                       where datname = current_database() and wait_event_type = 'Lock'
                         and query like '-- Lets a schedule tick no more%'";
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(pool).await?;
        Ok(waiting == 1)
    })
    .await?;

    // Changes of others go on meanwhile.
    let others = async {
        ScheduleHandle::named("a").pause(pool).await?;
        let edit = ScheduleHandle::named("c")
            .edit()
            .jitter(Duration::from_secs(1));
        edit.apply(pool).await?;
        note::job(1).schedule("f", hourly()).create(pool).await?;
        ScheduleHandle::named("d").delete(pool).await
    };
    timeout(Duration::from_secs(3), others).await??;
    let gave_up = pausing.await?;
    assert!(
        matches!(gave_up, Err(ScheduleError::Contended { .. })),
        "{gave_up:?}"
    );
    transaction.rollback().await?;
    have_ticked(pool, &["b"]).await?;
    stop.cancel();
    Ok(first.await??)
}

#[tokio::test]
async fn rows_that_somebody_locks_here_and_there_hold_up_no_other_schedule() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let names: Vec<String> = (0..64).map(|number| format!("{number:02}")).collect();
    for name in &names {
        note::job(1).schedule(name, hourly()).create(pool).await?;
    }
    go_back(pool).await?;
    let (locked, others): (Vec<&str>, Vec<&str>) = names
        .iter()
        .map(String::as_str)
        .partition(|name| name.ends_with('3'));
    let mut transaction = pool.begin().await?;
    sqlx::query("select from pgq_jobs.schedule where name like '%3' for update")
        .execute(&mut *transaction)
        .await?;

    let stop = CancellationToken::new();
    let running = run(&database, &stop);
    have_ticked(pool, &others).await?;
    transaction.rollback().await?;
    have_ticked(pool, &locked).await?;

    assert_eq!(count(pool, "job").await?, 64);
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn a_run_that_ends_by_itself_comes_back_to_a_row_that_is_locked() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    for name in ["free", "locked"] {
        note::job(1).schedule(name, hourly()).create(pool).await?;
    }
    go_back(pool).await?;
    let mut transaction = pool.begin().await?;
    sqlx::query("select from pgq_jobs.schedule where name = 'locked' for update")
        .execute(&mut *transaction)
        .await?;

    let run = worker::<note>(&database).until_idle().deadline(SOON);
    let running = tokio::spawn(run.into_future());
    have_ticked(pool, &["free"]).await?;
    transaction.rollback().await?;

    assert!(running.await??.idle);
    have_ticked(pool, &["locked"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_request_that_fails_holds_up_no_tick() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    note::job(1).schedule("a", hourly()).create(pool).await?;
    note::job(1).schedule("b", hourly()).create(pool).await?;
    go_back(pool).await?;
    ScheduleHandle::named("a").request_trigger(pool).await?;
    sqlx::raw_sql(
        "create function refuse() returns trigger language plpgsql as
             $$ begin raise exception 'no requests today'; end $$;
         create trigger refuse before update on pgq_jobs.schedule for each row
             when (old.requested_at is not null and new.requested_at is null)
             execute function refuse()",
    )
    .execute(pool)
    .await?;

    let stop = CancellationToken::new();
    let running = run(&database, &stop);
    have_ticked(pool, &["a", "b"]).await?;
    let asked = ScheduleHandle::named("a").get(pool).await?;
    assert!(asked.requested_since.is_some());
    sqlx::query("drop trigger refuse on pgq_jobs.schedule")
        .execute(pool)
        .await?;

    eventually("the job is there that was requested", async || {
        let info = ScheduleHandle::named("a").get(pool).await?;
        Ok(info.requested_since.is_none() && info.recent.len() == 2)
    })
    .await?;
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn a_schedule_that_cannot_be_read_holds_up_no_others() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    for name in ["a", "b", "c", "d"] {
        note::job(1).schedule(name, hourly()).create(pool).await?;
    }
    go_back(pool).await?;
    // What a newer version may write: other fields, and a field of another type.
    sqlx::query(
        "update pgq_jobs.schedule
         set detail = case name when 'b' then '{\"newer\": 1}' else '{\"tags\": 5}' end::jsonb
         where name in ('b', 'c')",
    )
    .execute(pool)
    .await?;

    let stop = CancellationToken::new();
    let worker = run(&database, &stop);
    have_ticked(pool, &["a", "b", "d"]).await?;

    let listed = Schedules::all().list(pool).await?.schedules;
    let names: Vec<&str> = listed.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["a", "b", "d"]);
    let unreadable = ScheduleHandle::named("c").get(pool).await;
    assert!(matches!(unreadable, Err(ScheduleError::Driver { .. })));
    let page = Schedules::all().limit(3).list(pool).await?;
    assert_eq!(page.next.as_deref(), Some("c"));
    stop.cancel();
    Ok(worker.await??)
}

fn declaring(database: &TestDatabase) -> Run {
    let input = || {
        let mut input = pgq::__private::InputWriter::new(1);
        input.parameter("number", &7)?;
        Ok(input.finish())
    };
    let declared =
        ScheduleDescriptor::of::<note>(Timing::cron("0 0 29 2 *"), input, Source::caller());
    worker::<note>(database)
        .poll_interval(Duration::from_secs(60))
        .register(Registration::Schedule(declared))
}

#[tokio::test]
async fn a_declared_schedule_that_is_deleted_is_there_again_at_once() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    // It shadows the one of the code, and never ticks.
    let shadow = note::job(1)
        .schedule(note::NAME, hourly())
        .create(pool)
        .await?;
    shadow.pause(pool).await?;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(declaring(&database).stop_on(stop.clone()).into_future());
    let seen = "schedule where name = 'held/note' and not made";
    eventually("the worker waits", async || {
        let parked =
            "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ShareLock'";
        let parked: i64 = sqlx::query_scalar(parked).fetch_one(pool).await?;
        Ok(parked > 0)
    })
    .await?;
    assert_eq!(count(pool, seen).await?, 0);

    let handle = ScheduleHandle::named(note::NAME);
    handle.delete(pool).await?;
    let back = async || Ok(count(pool, seen).await? == 1);
    timeout(SOON, eventually("that of the code is there", back)).await??;

    // As if the worker had been away when somebody asked.
    sqlx::query("update pgq_jobs.worker set schedules = '{}'")
        .execute(pool)
        .await?;
    handle.delete(pool).await?;
    timeout(SOON, eventually("it is there again", back)).await??;
    stop.cancel();
    Ok(worker.await??)
}

/// A storage that cannot declare again what another build has declared, for as long as it is told.
const REFUSE: &str = "
    create table refused (at timestamptz not null default clock_timestamp());
    create function refuse() returns trigger language plpgsql as $$
    begin
        raise exception 'not now' using errcode = '08006';
    end $$;
    create trigger refuse before update of declared_at on pgq_jobs.schedule
        for each row when (new.name = 'held/note')
        execute function refuse();
";

#[tokio::test]
async fn a_schedule_that_cannot_be_taken_over_costs_no_tick_of_another() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    // Each look finds both.
    let often = note::job(1).schedule("a", When::cron("* * * * * *"));
    often.create(pool).await?;
    let stop = CancellationToken::new();
    let run = declaring(&database)
        .lease(Duration::from_secs(1))
        .stop_on(stop.clone());
    let worker = tokio::spawn(run.into_future());
    have_ticked(pool, &["a"]).await?;
    sqlx::raw_sql(REFUSE).execute(pool).await?;
    sqlx::query("update pgq_jobs.schedule set digest = 1, revision = revision + 1000 where name = 'held/note'")
        .execute(pool)
        .await?;
    ScheduleHandle::named(note::NAME).pause(pool).await?;

    let before = ScheduleHandle::named("a").get(pool).await?.last_tick;
    let goes_on = async || {
        let last = ScheduleHandle::named("a").get(pool).await?.last_tick;
        Ok(last - before >= chrono::TimeDelta::seconds(6))
    };
    eventually("the other one ticks", goes_on).await?;
    let (jobs, seconds): (i64, i64) = sqlx::query_as(
        "select count(*), (extract(epoch from max(created_at)) - extract(epoch from min(created_at)))::int8
         from pgq_jobs.job",
    )
    .fetch_one(pool)
    .await?;
    assert!(jobs >= seconds - 2, "{jobs} jobs in {seconds} seconds");
    sqlx::raw_sql("drop trigger refuse on pgq_jobs.schedule")
        .execute(pool)
        .await?;
    let own = "schedule where name = 'held/note' and digest <> 1";
    eventually("it is declared again", async || {
        Ok(count(pool, own).await? == 1)
    })
    .await?;
    stop.cancel();
    Ok(worker.await??)
}
