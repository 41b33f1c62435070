//! Workers behind a pooler in transaction mode: refused, or beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pgq::driver::{DriverErrorKind, FindingCode};
use pgq::{Context, Error, JobHandle, Pgq, Registry, Run};
use pgq_tests::database::TestDatabase;
use pgq_tests::drain::{DEADLINE, drain};
use tokio::task::JoinSet;

use super::bouncer::{Bouncer, Config};
use super::{CLIENTS, assert_no_session_is_marked, note, pool};

/// How often a worker starts.
const STARTS: usize = 10;

/// Writes in the transaction that completes its job, and enqueues another job in it.
#[pgq::task(register = false, name = "book")]
async fn book(tx: &pgq::JobTransaction, ctx: &Context, entry: i64) -> anyhow::Result<i64> {
    ctx.then(note::job(format!("booked {entry}")))?;
    let mut db = tx.connection().await?;
    sqlx::query("insert into entry (number) values ($1)")
        .bind(entry)
        .persistent(false)
        .execute(&mut *db)
        .await?;
    Ok(entry)
}

fn worker(registry: Registry) -> Run {
    Run::new(registry).without_signals()
}

#[tokio::test]
async fn no_worker_starts_in_shared_sessions_whoever_else_is_busy() -> anyhow::Result<()> {
    for (sessions, round_robin) in [(1, false), (2, true), (3, false), (3, true)] {
        let database = TestDatabase::migrated().await?;
        let config = Config {
            sessions,
            round_robin,
            ..Config::TRANSACTION
        };
        let bouncer = Bouncer::start(&database, config)?;
        for busy in [0, CLIENTS] {
            let stop = Arc::new(AtomicBool::new(false));
            let mut clients = JoinSet::new();
            for _ in 0..busy {
                let stop = Arc::clone(&stop);
                let pgq = Pgq::from_pool(pool(&bouncer.options()?, 1));
                clients.spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        pgq.paused().await?;
                    }
                    anyhow::Ok(())
                });
            }

            for start in 0..STARTS {
                let worker = worker(Registry::new().with::<note>()).url(bouncer.url());
                let refused = worker.once().deadline(DEADLINE).await;

                let Err(Error::Driver(refused)) = refused else {
                    anyhow::bail!("{config:?}, {busy} busy, start {start}: {refused:?}");
                };
                assert_eq!(refused.kind(), DriverErrorKind::Configuration);
                let said = refused.to_string();
                assert!(said.starts_with("shared-session: "), "{said}");
                assert!(said.contains("`direct_url`"), "{said}");
            }
            let found = Pgq::from_pool(pool(&bouncer.options()?, 1))
                .check_health()
                .await?;
            let codes: Vec<_> = found.iter().map(|finding| finding.code).collect();
            assert!(codes.contains(&FindingCode::SharedSession), "{codes:?}");
            stop.store(true, Ordering::Relaxed);
            for client in clients.join_all().await {
                client?;
            }
        }
        if sessions == 3 {
            assert_no_session_is_marked(&database, &bouncer).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_worker_with_a_direct_url_completes_jobs_in_transactions_of_the_pooled_one()
-> anyhow::Result<()> {
    const JOBS: i64 = 60;
    let database = TestDatabase::migrated().await?;
    sqlx::raw_sql("create table entry (number bigint not null)")
        .execute(database.pool())
        .await?;
    let bouncer = Bouncer::start(&database, Config::TRANSACTION)?;
    let pgq = Pgq::from_pool(pool(&bouncer.options()?, 4)).through_pooler();
    let jobs = book::enqueue_many(&pgq, 0..JOBS).await?;

    let registry = || Registry::new().with::<book>().with::<note>();
    // Two, so that transactions of different clients meet the same sessions.
    let one = drain(
        worker(registry())
            .url(bouncer.url())
            .direct_url(database.url()),
    );
    let other = drain(
        worker(registry())
            .url(bouncer.url())
            .direct_url(database.url()),
    );
    let (one, other) = tokio::try_join!(one, other)?;

    assert_eq!(one.completed + other.completed, 2 * u64::try_from(JOBS)?);
    for (number, job) in (0..JOBS).zip(&jobs) {
        let job: &JobHandle<i64> = job;
        assert_eq!(job.wait(&pgq).await?, number);
    }
    let entries: Vec<i64> = sqlx::query_scalar("select number from entry order by number")
        .fetch_all(database.pool())
        .await?;
    assert_eq!(entries, (0..JOBS).collect::<Vec<_>>());
    assert_no_session_is_marked(&database, &bouncer).await
}

#[tokio::test]
async fn whoever_waits_through_a_pooler_is_told_and_leaves_nothing_behind() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let bouncer = Bouncer::start(&database, Config::TRANSACTION)?;
    let pooled = Pgq::from_pool(pool(&bouncer.options()?, 2)).through_pooler();
    let told = pooled.clone().direct_url(database.url())?;
    for pgq in [pooled, told] {
        let job = note::enqueue(&pgq, "text".to_owned()).await?;
        let waiting = tokio::spawn(async move { job.wait_for(&pgq, DEADLINE).await });

        drain(worker(Registry::new().with::<note>()).url(database.url())).await?;

        assert_eq!(waiting.await??, "text");
    }
    assert_no_session_is_marked(&database, &bouncer).await
}
