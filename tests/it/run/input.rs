//! Rows that this build did not write, or cannot read.

use pgq::{JobHandle, JobId, JobState};
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;

use super::{drain, worker};

#[derive(serde::Serialize, serde::Deserialize)]
struct Email {
    to: String,
    subject: Option<String>,
}

#[pgq::task]
async fn send(email: Email, copies: u8) -> anyhow::Result<String> {
    Ok(format!(
        "{copies} to {}: {}",
        email.to,
        email.subject.unwrap_or_default()
    ))
}

/// Puts another input into a job that waits.
async fn tamper<T>(
    pool: &PgPool,
    job: &JobHandle<T>,
    input: &[u8],
    fingerprint: Option<i64>,
) -> anyhow::Result<()> {
    sqlx::query(
        "update pgq_jobs.ready set input = $2, fingerprint = coalesce($3, fingerprint)
         where id = $1",
    )
    .bind(job.id().as_i64())
    .bind(input)
    .bind(fingerprint)
    .execute(pool)
    .await?;
    Ok(())
}

async fn job(pool: &PgPool) -> anyhow::Result<JobHandle<String>> {
    let email = Email {
        to: "a@example.com".to_owned(),
        subject: None,
    };
    Ok(send::enqueue(pool, email, 2).await?)
}

#[tokio::test]
async fn corrupt_input_fails_its_job_and_the_queue_goes_on() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let whole: Vec<u8> = {
        let job = job(pool).await?;
        sqlx::query_scalar("delete from pgq_jobs.ready where id = $1 returning input")
            .bind(job.id().as_i64())
            .fetch_one(pool)
            .await?
    };
    let cases: &[(Vec<u8>, &str)] = &[
        (vec![], "the stored value is empty"),
        (
            vec![9, 1, 2],
            "the stored value has the unknown format byte 9",
        ),
        (vec![1], "the input is not a map of parameters"),
        (
            vec![1, 0x93, 1, 2, 3],
            "the input is not a map of parameters",
        ),
        (vec![1, 0x80], "the input has no parameter `email`"),
        (vec![1, 0xdf, 0xff, 0xff, 0xff, 0xff], "does not decode"),
        (whole[..whole.len() - 1].to_vec(), "does not decode"),
        (whole[..10].to_vec(), "does not decode"),
        (
            [whole.as_slice(), &[0xc0]].concat(),
            "1 bytes follow the stored value",
        ),
        (
            [&[1], [0x91].repeat(5000).as_slice()].concat(),
            "the input is not a map",
        ),
        (
            [&[1, 0x81, 0xa1, b'x'], [0x91].repeat(5000).as_slice()].concat(),
            "does not decode",
        ),
        (
            b"\x02{\"email\": 1, \"copies\": 2}".to_vec(),
            "parameter `email` of the input",
        ),
        (
            b"\x02{\"email\"".to_vec(),
            "the stored value does not decode",
        ),
    ];
    let mut jobs = Vec::new();
    for (input, _) in cases {
        let job = job(pool).await?;
        tamper(pool, &job, input, None).await?;
        jobs.push(job);
    }
    let good = job(pool).await?;

    drain(worker::<send>(&database)).await?;

    for (job, (input, expected)) in jobs.iter().zip(cases) {
        let stored = job.job(pool).await?;
        let error = stored.error.unwrap_or_default();
        assert_eq!(
            (stored.state, stored.attempt),
            (JobState::Failed, 1),
            "{input:?}: {error}"
        );
        assert!(error.contains(expected), "{input:?}: {error}");
    }
    assert_eq!(good.wait(pool).await?, "2 to a@example.com: ");
    Ok(())
}

#[tokio::test]
async fn every_prefix_of_an_input_fails_without_a_panic() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let whole: Vec<u8> = {
        job(pool).await?;
        sqlx::query_scalar("delete from pgq_jobs.ready returning input")
            .fetch_one(pool)
            .await?
    };
    let mut jobs = Vec::new();
    for length in 0..whole.len() {
        let job = job(pool).await?;
        tamper(pool, &job, &whole[..length], None).await?;
        jobs.push(job);
    }

    let report = drain(worker::<send>(&database)).await?;

    assert_eq!(report.failed, jobs.len() as u64);
    for job in jobs {
        let error = job.job(pool).await?.error.unwrap_or_default();
        assert!(!error.contains("panicked"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn input_of_another_build_that_does_not_decode_is_left_for_that_build() -> anyhow::Result<()>
{
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = job(pool).await?;
    tamper(pool, &job, &[1, 0x80], Some(1)).await?;

    let report = drain(worker::<send>(&database)).await?;

    assert_eq!((report.released, report.failed), (1, 0));
    let stored = job.job(pool).await?;
    assert_eq!((stored.state, stored.attempt), (JobState::Scheduled, 0));
    Ok(())
}

#[tokio::test]
async fn input_of_another_build_that_decodes_is_run() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = job(pool).await?;
    // Another parameter more, and an optional field less.
    let input = rmp_serde::to_vec_named(&serde_json::json!({
        "email": { "to": "b@example.com" }, "copies": 1, "priority": "high",
    }))?;
    tamper(pool, &job, &[&[1], input.as_slice()].concat(), Some(1)).await?;

    drain(worker::<send>(&database)).await?;

    assert_eq!(job.wait(pool).await?, "1 to b@example.com: ");
    Ok(())
}

#[tokio::test]
async fn json_input_of_another_language_is_run() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = job(pool).await?;
    let input = b"\x02{\"copies\": 3, \"email\": {\"to\": \"c@example.com\", \"subject\": \"hi\"}}";
    tamper(pool, &job, input, None).await?;

    drain(worker::<send>(&database)).await?;

    assert_eq!(job.wait(pool).await?, "3 to c@example.com: hi");
    Ok(())
}

#[tokio::test]
async fn a_job_of_an_unknown_task_is_left_alone() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let unknown = job(pool).await?;
    sqlx::query("update pgq_jobs.ready set task = 'of_another_service'")
        .execute(pool)
        .await?;
    let known = job(pool).await?;

    let report = drain(worker::<send>(&database)).await?;

    assert_eq!(report.completed, 1);
    assert_eq!(known.status(pool).await?, JobState::Completed);
    let stored = unknown.job(pool).await?;
    assert_eq!(
        (stored.state, stored.attempt, stored.deliveries),
        (JobState::Ready, 0, 0)
    );
    let visible: Vec<(i64, String)> =
        sqlx::query_as("select id, task from pgq_jobs.job where state = 'ready'")
            .fetch_all(pool)
            .await?;
    assert_eq!(
        visible,
        [(unknown.id().as_i64(), "of_another_service".to_owned())]
    );
    assert_eq!(JobId::from_i64(visible[0].0), unknown.id());
    Ok(())
}
