//! Clients that say that there is a pooler: whatever they call does what it is asked, and answers about it.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::future::join_all;
use pgq::driver::Cancellation;
use pgq::{JobHandle, JobState, Jobs, Limited, NamedJob, Pgq, Start, When};
use pgq_tests::database::TestDatabase;
use serde_json::json;

use super::bouncer::{Bouncer, Config};
use super::{CLIENTS, Note, assert_no_session_is_marked, note, pool, remind};

/// How often each client makes all its calls.
const ROUNDS: usize = 15;

const HOUR: Duration = Duration::from_secs(3600);

/// One client, and what it calls its own.
struct Client {
    pgq: Pgq,
    name: String,
}

impl Client {
    /// Calls everything, and compares each answer.
    async fn calls(&self, round: usize) -> anyhow::Result<()> {
        let text = format!("{}.{round}", self.name);
        self.one(&text).await.context("one")?;
        self.many(&text).await.context("many")?;
        self.unique(&text).await.context("unique")?;
        self.named(&text).await.context("named")?;
        self.in_transactions(&text).await.context("transaction")?;
        self.changes(&text).await.context("changes")?;
        self.directions(round).await.context("directions")?;
        self.schedule(&text).await.context("schedule")
    }

    async fn assert_input<T>(&self, job: &JobHandle<T>, text: &str) -> anyhow::Result<()> {
        let input: Note = job.input(&self.pgq).await?;
        ensure!(input.text == text, "{} is not {text}", input.text);
        Ok(())
    }

    async fn assert_state<T>(&self, job: &JobHandle<T>, state: JobState) -> anyhow::Result<()> {
        let found = job.status(&self.pgq).await?;
        ensure!(found == state, "{found:?} is not {state:?}");
        Ok(())
    }

    async fn one(&self, text: &str) -> anyhow::Result<()> {
        let job = note::job(text.to_owned())
            .queue(self.name.clone())
            .tag(text);
        let job = job.enqueue(&self.pgq).await?;
        self.assert_input(&job, text).await?;
        self.assert_state(&job, JobState::Ready).await?;
        let found = job.job(&self.pgq).await?;
        ensure!(
            found.id == job.id() && found.queue == self.name,
            "{found:?}"
        );
        let tagged = Jobs::in_state(JobState::Ready).tag(text);
        let tagged = tagged.list(&self.pgq).await?.jobs;
        ensure!(tagged.len() == 1 && tagged[0].id == job.id(), "{tagged:?}");
        ensure!(job.attempts(&self.pgq).await?.is_empty(), "an attempt");
        ensure!(job.logs(&self.pgq).await?.is_empty(), "a log");
        ensure!(job.progress(&self.pgq).await?.is_none(), "progress");

        let cancelled = job.cancel(&self.pgq).await?;
        ensure!(cancelled == Cancellation::Cancelled, "{cancelled:?}");
        let again = job.cancel(&self.pgq).await?;
        let wanted = Cancellation::AlreadyFinished(JobState::Cancelled);
        ensure!(again == wanted, "{again:?}");
        job.requeue(&self.pgq).await?;
        self.assert_state(&job, JobState::Ready).await
    }

    async fn many(&self, text: &str) -> anyhow::Result<()> {
        let large = "large ".repeat(1000);
        let texts = [
            text.to_owned(),
            format!("{text} {large}"),
            format!("{text} 3"),
        ];
        let jobs = note::enqueue_many(&self.pgq, texts.clone()).await?;
        ensure!(jobs.len() == 3, "{} jobs", jobs.len());
        for (job, text) in jobs.iter().zip(&texts) {
            self.assert_input(job, text).await?;
        }
        Ok(())
    }

    async fn unique(&self, text: &str) -> anyhow::Result<()> {
        let first = remind::enqueue(&self.pgq, text.to_owned(), "first".to_owned()).await?;
        let second = remind::enqueue(&self.pgq, text.to_owned(), "second".to_owned()).await?;
        ensure!(first.is_new() && !second.is_new(), "{first:?} {second:?}");
        ensure!(first.id() == second.id(), "{first:?} {second:?}");
        Ok(())
    }

    async fn named(&self, text: &str) -> anyhow::Result<()> {
        let job = NamedJob::new("note", &json!({ "text": text })).allow_unknown_task();
        let job = job.enqueue(&self.pgq).await?;
        self.assert_input(&job, text).await
    }

    async fn in_transactions(&self, text: &str) -> anyhow::Result<()> {
        let mut transaction = self.pgq.pool().begin().await?;
        sqlx::query("insert into entry (text) values ($1)")
            .bind(text)
            .persistent(false)
            .execute(&mut *transaction)
            .await?;
        let within = self.pgq.within(&mut *transaction);
        let job = note::enqueue(within, text.to_owned()).await?;
        transaction.commit().await?;
        self.assert_input(&job, text).await?;

        let mut transaction = self.pgq.pool().begin().await?;
        let within = self.pgq.within(&mut *transaction);
        let job = note::enqueue(within, text.to_owned()).await?;
        transaction.rollback().await?;
        let found = job.status(&self.pgq).await;
        ensure!(found.is_err(), "it was rolled back: {found:?}");

        // Neither in a transaction, nor in one that sqlx knows of.
        let mut connection = self.pgq.pool().acquire().await?;
        let within = self.pgq.within(&mut *connection);
        let job = note::enqueue(within, text.to_owned()).await?;
        sqlx::raw_sql("begin").execute(&mut *connection).await?;
        let within = self.pgq.within(&mut *connection);
        let undone = note::enqueue(within, text.to_owned()).await?;
        sqlx::raw_sql("rollback").execute(&mut *connection).await?;
        drop(connection);
        self.assert_input(&job, text).await?;
        let found = undone.status(&self.pgq).await;
        ensure!(found.is_err(), "it was rolled back: {found:?}");
        Ok(())
    }

    async fn changes(&self, text: &str) -> anyhow::Result<()> {
        let job = note::job(text.to_owned()).delay(HOUR);
        let job = job.enqueue(&self.pgq).await?;
        self.assert_state(&job, JobState::Scheduled).await?;
        job.reschedule(&self.pgq, Start::After(2 * HOUR)).await?;
        let found = job.job(&self.pgq).await?;
        let delay = found.run_at.context("no time")? - found.created_at;
        ensure!(delay.num_minutes() >= 119, "{delay}");
        let these = Jobs::in_state(JobState::Scheduled).ids([job.id()]);
        let changes = these.cancel(&self.pgq).await?;
        ensure!(changes.changed == 1, "{changes:?}");
        self.assert_state(&job, JobState::Cancelled).await?;
        let these = Jobs::in_state(JobState::Cancelled).ids([job.id()]);
        let changes = these.delete(&self.pgq).await?;
        ensure!(changes.changed == 1, "{changes:?}");
        ensure!(job.status(&self.pgq).await.is_err(), "it was deleted");
        Ok(())
    }

    async fn directions(&self, round: usize) -> anyhow::Result<()> {
        let pgq = &self.pgq;
        ensure!(pgq.pause_queue(&self.name).await?, "paused already");
        ensure!(!pgq.pause_queue(&self.name).await?, "not paused");
        ensure!(pgq.resume_queue(&self.name).await?, "not paused");
        let max = u32::try_from(round)? + 1;
        pgq.limit_queue(&self.name, max).await?;
        let limits = pgq.limits().await?;
        let what = Limited::Queue(self.name.clone());
        let limit = limits.iter().find(|limit| limit.what == what);
        let running = limit.and_then(|limit| limit.running);
        ensure!(running == Some(max), "{running:?} is not {max}");
        ensure!(pgq.workers().await?.is_empty(), "a worker");
        Ok(())
    }

    async fn schedule(&self, text: &str) -> anyhow::Result<()> {
        let pgq = &self.pgq;
        let hourly = When::every(HOUR);
        let job = note::job(text.to_owned());
        let schedule = job.schedule(text, hourly).create(pgq).await?;
        let found = schedule.get(pgq).await?;
        ensure!(
            found.name == text && found.expression == "every 3600s",
            "{found:?}"
        );
        ensure!(schedule.pause(pgq).await?, "paused already");
        ensure!(schedule.resume(pgq).await?, "not paused");
        let edit = schedule.edit().when(When::every(2 * HOUR));
        edit.apply(pgq).await?;
        let found = schedule.get(pgq).await?;
        ensure!(found.expression == "every 7200s", "{found:?}");
        let job: JobHandle<String> = schedule.trigger(pgq).await?;
        self.assert_input(&job, text).await?;
        schedule.delete(pgq).await?;
        ensure!(schedule.get(pgq).await.is_err(), "it was deleted");
        Ok(())
    }
}

#[tokio::test]
async fn eight_clients_on_three_sessions_are_each_answered_about_what_they_asked()
-> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    sqlx::raw_sql("create table entry (text text not null)")
        .execute(database.pool())
        .await?;
    let bouncer = Bouncer::start(&database, Config::TRANSACTION)?;

    let options = bouncer.options()?;
    let clients = (0..CLIENTS).map(async |client| {
        let client = Client {
            pgq: Pgq::from_pool(pool(&options, 2)).through_pooler(),
            name: format!("client-{client}"),
        };
        let mut wrong = Vec::new();
        for round in 0..ROUNDS {
            if let Err(error) = client.calls(round).await {
                wrong.push(format!("{} {round}: {error:#}", client.name));
            }
        }
        wrong
    });
    let wrong = join_all(clients).await.concat();

    let some = wrong.iter().take(10).collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{}: {some:#?}", wrong.len());
    let entries: i64 = sqlx::query_scalar("select count(distinct text) from entry")
        .fetch_one(database.pool())
        .await?;
    assert_eq!(usize::try_from(entries)?, CLIENTS * ROUNDS);
    // Of each round: one, three, one unique, a named one, two in a transaction or none, and that of a schedule.
    let ready: i64 = sqlx::query_scalar("select count(*) from pgq_jobs.ready")
        .fetch_one(database.pool())
        .await?;
    assert_eq!(usize::try_from(ready)?, CLIENTS * ROUNDS * 9);
    assert_no_session_is_marked(&database, &bouncer).await
}

#[tokio::test]
async fn a_statement_that_its_connection_has_kept_is_not_run_by_its_name() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let bouncer = Bouncer::start(&database, Config::TRANSACTION)?;
    let undeclared = Pgq::from_pool(pool(&bouncer.options()?, 1));
    let declared = undeclared.clone().through_pooler();
    // Nobody else is there, so that both requests meet one session; which another client has from now on.
    let mut connection = undeclared.pool().acquire().await?;
    let within = undeclared.within(&mut *connection);
    let kept = note::enqueue(within, "kept".to_owned()).await?;
    let others = pool(&bouncer.options()?, 1);
    let other = others.begin().await?;

    let within = declared.within(&mut *connection);
    let job = note::enqueue(within, "unnamed".to_owned()).await?;
    let within = undeclared.within(&mut *connection);
    let refused = note::enqueue(within, "refused".to_owned()).await;

    other.rollback().await?;
    drop(connection);
    assert!(refused.is_err(), "the other session knew its name");
    assert_eq!(kept.input::<Note>(&declared).await?.text, "kept");
    assert_eq!(job.input::<Note>(&declared).await?.text, "unnamed");
    Ok(())
}
