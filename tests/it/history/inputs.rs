//! Large inputs, which are deleted with the history of their jobs.

use pgq::driver::{Driver as _, End, Ending, Enqueue};
use pgq::{JobId, Retain};

use super::{History, complete, jobs};

/// More than one statement deletes.
const MANY: usize = 1100;

fn of_bytes(bytes: usize, count: usize) -> Enqueue {
    Enqueue {
        inputs: vec![vec![1; bytes]; count],
        ..jobs(0)
    }
}

impl History {
    /// The jobs whose input is kept apart.
    async fn large(&self) -> sqlx::Result<Vec<JobId>> {
        let jobs: Vec<i64> =
            sqlx::query_scalar("select job from pgq_jobs.large_input order by job")
                .fetch_all(self.pool())
                .await?;
        Ok(jobs.into_iter().map(JobId::from_i64).collect())
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
async fn large_inputs_go_with_the_last_that_is_left_of_their_jobs() -> anyhow::Result<()> {
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
    assert_eq!(history.large().await?.len(), 1 + MANY + 7 + 1);

    let report = history.maintain().await?;

    assert_eq!(report.postponed, 0);
    assert_eq!(
        history.large().await?,
        [&[failed], &waiting[..], &late[..]].concat()
    );
    Ok(())
}
