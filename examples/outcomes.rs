//! What a task can say of its job instead of a result: not now, not again, no longer wanted.
//!
//! `cargo run --example outcomes`

use std::time::Duration;

use pgq::TaskError;
use pgq_examples::Database;

/// What the receiver of a webhook answers.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
enum Answer {
    Ok,
    Asleep,
    TooManyRequests,
    Gone,
    WrongRequest,
}

/// `?` keeps what a `TaskError` says, whatever error it passes through.
#[pgq::task]
async fn deliver(answer: Answer) -> anyhow::Result<u16> {
    match answer {
        Answer::Ok => Ok(200),
        Answer::Asleep => Err(TaskError::snooze(Duration::from_secs(600)))?,
        Answer::TooManyRequests => {
            Err(TaskError::retry_after(Duration::from_secs(60), "too many"))?
        }
        Answer::Gone => Err(TaskError::cancel("the subscriber is gone"))?,
        Answer::WrongRequest => Err(TaskError::permanent("status 400"))?,
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;
    let answers = [
        Answer::Ok,
        Answer::Asleep,
        Answer::TooManyRequests,
        Answer::Gone,
        Answer::WrongRequest,
    ];
    let jobs = deliver::enqueue_many(&pgq, answers).await?;

    let report = pgq::run().url(database.url()).until_idle().await?;

    println!("{report:?}");
    for (answer, job) in answers.iter().zip(jobs) {
        let job = job.job(&pgq).await?;
        let error = job.error.unwrap_or_default();
        println!(
            "{answer:?}: {}, {} attempt(s), {error}",
            job.state, job.attempt
        );
    }
    Ok(())
}
