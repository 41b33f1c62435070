//! Clients that do not say that there is a pooler: an enqueue does what it was to do, or nothing, and says so.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use pgq::driver::{DriverError, DriverErrorKind};
use pgq::{EnqueueError, JobHandle, JobId, NamedError, NamedJob, Pgq};
use pgq_tests::database::TestDatabase;
use serde_json::json;
use sqlx::AssertSqlSafe;
use tokio::task::JoinSet;

use super::bouncer::{Bouncer, Config};
use super::{CLIENTS, Note, note, pool, remind};

/// How many calls each client makes.
const CALLS: usize = 60;

const HOUR: Duration = Duration::from_secs(3600);

/// Every other client has jobs in this schema.
const OTHER: &str = "other_jobs";

/// The jobs of which a client was told, with their texts, and how often it was refused.
#[derive(Default)]
struct Told {
    jobs: BTreeMap<JobId, String>,
    refused: usize,
}

impl Told {
    fn take(
        &mut self,
        told: Result<Vec<JobHandle<String>>, DriverError>,
        texts: &[String],
    ) -> anyhow::Result<()> {
        match told {
            Ok(jobs) => {
                ensure!(jobs.len() == texts.len(), "{} jobs", jobs.len());
                let jobs = jobs.iter().map(JobHandle::id);
                self.jobs.extend(jobs.zip(texts.iter().cloned()));
            }
            Err(error) => {
                ensure!(error.kind() == DriverErrorKind::SharedSession, "{error:?}");
                ensure!(
                    error.to_string().contains("`Pgq::through_pooler`"),
                    "{error}"
                );
                self.refused += 1;
            }
        }
        Ok(())
    }
}

/// The error of the database, which is the only kind that there may be.
fn of_database(error: EnqueueError) -> DriverError {
    match error {
        EnqueueError::Driver { source, .. } => source,
        error => DriverError::new(DriverErrorKind::Other, error.to_string()),
    }
}

async fn calls(pgq: &Pgq, client: usize) -> anyhow::Result<Told> {
    let mut told = Told::default();
    for call in 0..CALLS {
        let text = format!("{client} {call}");
        let one = |job: JobHandle<String>| vec![job];
        let (jobs, texts) = match call % 6 {
            0 => {
                let job = note::enqueue(pgq, text.clone()).await;
                (job.map(one).map_err(of_database), vec![text])
            }
            1 => {
                let job = note::job(text.clone()).delay(HOUR).enqueue(pgq).await;
                (job.map(one).map_err(of_database), vec![text])
            }
            2 => {
                let texts = vec![text.clone(), "large ".repeat(1000), text];
                let jobs = note::enqueue_many(pgq, texts.clone()).await;
                (jobs.map_err(of_database), texts)
            }
            3 => {
                let large = note::job("large ".repeat(1000)).delay(HOUR);
                let job = large.enqueue(pgq).await;
                (
                    job.map(one).map_err(of_database),
                    vec!["large ".repeat(1000)],
                )
            }
            4 => {
                let job = remind::enqueue(pgq, text.clone(), text.clone()).await;
                (job.map(one).map_err(of_database), vec![text])
            }
            _ => {
                let job = NamedJob::new("note", &json!({ "text": text })).allow_unknown_task();
                let job = job.returns::<String>().enqueue(pgq).await;
                let job = job.map(one).map_err(|error| match error {
                    NamedError::Driver { source, .. } => source,
                    error => DriverError::new(DriverErrorKind::Other, error.to_string()),
                });
                (job, vec![text])
            }
        };
        told.take(jobs, &texts).context(call)?;
    }
    Ok(told)
}

/// The jobs that there are, with their texts.
async fn jobs(database: &TestDatabase, schema: &str) -> anyhow::Result<BTreeMap<JobId, String>> {
    let pgq = Pgq::from_pool(database.pool().clone()).schema(schema)?;
    let ids = format!("select id from {schema}.ready union all select id from {schema}.scheduled");
    let ids: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(ids))
        .fetch_all(database.pool())
        .await?;
    let mut jobs = BTreeMap::new();
    for id in ids {
        let job = JobHandle::<String>::from_id(JobId::from_i64(id));
        let input: Note = job.input(&pgq).await?;
        jobs.insert(job.id(), input.text);
    }
    Ok(jobs)
}

#[tokio::test]
async fn an_enqueue_is_right_or_an_error_that_says_what_to_do() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let other = Pgq::from_pool(database.pool().clone()).schema(OTHER)?;
    other.migrate().await?;
    let bouncer = Bouncer::start(&database, Config::TRANSACTION)?;

    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let pgq = Pgq::from_pool(pool(&bouncer.options()?, 2));
        let is_other = client % 2 == 1;
        let pgq = match is_other {
            true => pgq.schema(OTHER)?,
            false => pgq,
        };
        clients.spawn(async move {
            let told = calls(&pgq, client).await;
            (is_other, told.with_context(|| format!("client {client}")))
        });
    }
    let mut told = [Told::default(), Told::default()];
    for (is_other, of_client) in clients.join_all().await {
        let of_client = of_client?;
        let told = &mut told[usize::from(is_other)];
        told.jobs.extend(of_client.jobs);
        told.refused += of_client.refused;
    }

    let [ours, others] = told;
    assert_eq!(jobs(&database, "pgq_jobs").await?, ours.jobs);
    assert_eq!(jobs(&database, OTHER).await?, others.jobs);
    // Or the pooler was none.
    assert!(ours.refused + others.refused > 0);
    assert!(!ours.jobs.is_empty() && !others.jobs.is_empty());
    Ok(())
}
