//! Clients that send a statement with its arguments in one request: nothing is to be declared.

use anyhow::{Context as _, ensure};
use pgq::{JobHandle, Pgq};
use pgq_tests::database::TestDatabase;
use tokio::task::JoinSet;

use super::bouncer::{Bouncer, Config};
use super::{CLIENTS, Note, note};

/// How many calls each client makes.
const CALLS: usize = 40;

type Told = Vec<(JobHandle<String>, String)>;

/// One call in a transaction, and one outside of any.
async fn calls(url: String, client: usize) -> anyhow::Result<Told> {
    let (mut connected, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let mut told = Vec::new();
    for call in 0..CALLS {
        let text = format!("{client} {call}");
        told.push((note::enqueue(&connected, text.clone()).await?, text.clone()));
        let transaction = connected.transaction().await?;
        told.push((note::enqueue(&transaction, text.clone()).await?, text));
        transaction.commit().await?;
    }
    Ok(told)
}

fn blocking_calls(url: &str, client: usize) -> anyhow::Result<Told> {
    let mut connected = sync_postgres::Client::connect(url, sync_postgres::NoTls)?;
    let mut told = Vec::new();
    for call in 0..CALLS {
        let text = format!("blocking {client} {call}");
        let job = note::job(text.clone()).enqueue_blocking(&mut connected)?;
        told.push((job, text.clone()));
        let mut transaction = connected.transaction()?;
        let job = note::job(text.clone()).enqueue_blocking(&mut transaction)?;
        transaction.commit()?;
        told.push((job, text));
    }
    Ok(told)
}

#[tokio::test]
async fn clients_of_tokio_postgres_and_postgres_enqueue_what_they_are_given() -> anyhow::Result<()>
{
    let database = TestDatabase::migrated().await?;
    let bouncer = Bouncer::start(&database, Config::TRANSACTION)?;

    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let url = bouncer.url();
        match client % 2 {
            0 => clients.spawn(calls(url, client)),
            _ => clients.spawn_blocking(move || blocking_calls(&url, client)),
        };
    }
    let mut told = Vec::new();
    for client in clients.join_all().await {
        told.extend(client.context("a client was refused")?);
    }

    let direct = Pgq::from_pool(database.pool().clone());
    for (job, text) in &told {
        let input: Note = job.input(&direct).await?;
        ensure!(input.text == *text, "{} is not {text}", input.text);
    }
    let ready: i64 = sqlx::query_scalar("select count(*) from pgq_jobs.ready")
        .fetch_one(database.pool())
        .await?;
    assert_eq!(usize::try_from(ready)?, told.len());
    Ok(())
}
