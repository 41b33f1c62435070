//! What is kept apart of jobs, large inputs, details and logs, is deleted with their history.

use pgq::driver::{Detail, Driver as _, End, Ending, Enqueue, NewJob};
use pgq::{JobId, Retain};

use super::{History, complete, jobs};

/// More than one statement deletes.
const MANY: usize = 1100;

fn of_bytes(bytes: usize, count: usize) -> Enqueue {
    let job = NewJob::new(vec![1; bytes]).detail(Detail {
        tags: vec!["billing".to_owned()],
        ..Detail::default()
    });
    Enqueue {
        jobs: vec![job; count],
        ..jobs(0)
    }
}

impl History {
    /// The jobs of which something is kept apart: their inputs, their details, and their logs.
    async fn apart(&self) -> sqlx::Result<[Vec<JobId>; 3]> {
        let mut apart = [const { Vec::new() }; 3];
        for (jobs, select) in apart.iter_mut().zip([
            "select job from pgq_jobs.large_input order by job",
            "select job from pgq_jobs.detail order by job",
            "select job from pgq_jobs.attempt_log order by job",
        ]) {
            let ids: Vec<i64> = sqlx::query_scalar(select).fetch_all(self.pool()).await?;
            jobs.extend(ids.into_iter().map(JobId::from_i64));
        }
        Ok(apart)
    }

    /// A job with a large input that is a dead letter.
    async fn failed(&self, number: i64) -> anyhow::Result<JobId> {
        let job = self.driver.enqueue(of_bytes(2000, 1)).await?[0];
        let claimed = super::claim(&self.driver, self.worker, number).await?;
        let ending = Ending {
            job,
            claim: claimed[0].claim,
            end: End::Failed,
            error: Some("no luck".to_owned()),
            retention: Retain::DEFAULT.failed,
        };
        anyhow::ensure!(self.driver.end(self.worker, &[ending]).await? == 1);
        Ok(job)
    }
}

#[tokio::test]
async fn what_is_kept_apart_goes_with_the_last_that_is_left_of_its_job() -> anyhow::Result<()> {
    let history = History::new().await?;
    let failed = history.failed(1).await?;
    history.driver.enqueue(of_bytes(2000, MANY)).await?;
    let mut other = of_bytes(2000, 7);
    other.queue = "other".into();
    let waiting = history.driver.enqueue(other).await?;
    history.driver.enqueue(jobs(5)).await?;
    let mut number = 2;
    while complete(&history.driver, history.worker, number).await? > 0 {
        number += 1;
    }
    // A day is over: what completed is not kept any more, what failed is.
    pgq_tests::history::age(history.pool(), super::OVER_A_DAY).await?;
    let late = history.driver.enqueue(of_bytes(2000, 1)).await?;
    complete(&history.driver, history.worker, number + 1).await?;
    sqlx::query(
        "insert into pgq_jobs.attempt_log (job, worker, claim, ended_at, attempt, text)
         select job, 1, 1, now(), 1, 'a line' from pgq_jobs.detail",
    )
    .execute(history.pool())
    .await?;
    let all = 1 + MANY + 7 + 1;
    assert_eq!(history.apart().await?.map(|jobs| jobs.len()), [all; 3]);

    let report = history.maintain().await?;

    assert_eq!(report.postponed, 0);
    let left = [&[failed], &waiting[..], &late[..]].concat();
    assert_eq!(history.apart().await?, [left.clone(), left.clone(), left]);
    Ok(())
}
