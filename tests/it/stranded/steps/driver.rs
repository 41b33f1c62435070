//! What the driver does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, ensure};
use pgq::JobId;
use pgq::driver::{
    AttemptDriver as _, Claim, Claimed, ClaimedJob, Completion, Driver as _, End, Ending,
};
use pgq_tests::PATIENCE;
use tokio::task::JoinHandle;

use super::super::world::TASK;
use super::{Answer, Claiming, NOBODYS, OTHER_TASK, Stage, World};

impl World<'_> {
    /// The driver begins a claim, or its next request goes through.
    pub(super) async fn advance(&mut self) -> anyhow::Result<()> {
        if let Some(Claiming { at, claim }) = self.claiming.take() {
            self.story.push("the driver goes on".to_owned());
            at.pass();
            return self.wait(claim).await;
        }
        let queue = if self.rng.u8(..100) < self.habits.nobodys {
            Arc::from(NOBODYS)
        } else {
            Arc::clone(&self.queue)
        };
        let limit = self.rng.usize(1..=self.habits.limit_max);
        let told = format!("the driver claims {limit} of {queue}");
        self.story.push(told);
        let claim = self.next_claim(queue, limit);
        self.stage.gate.shut(true);
        let driver = self.stage.driver.clone();
        let claim = tokio::spawn(async move { driver.claim(claim).await });
        self.wait(claim).await
    }

    fn next_claim(&mut self, queue: Arc<str>, limit: usize) -> Claim {
        self.claims += 1;
        Claim {
            worker: self.worker,
            number: self.claims,
            queue,
            tasks: vec![Arc::clone(&self.tasks)],
            fingerprints: None,
            limit,
            horizon: None,
            priority_max: None,
        }
    }

    /// Waits until the claim has ended or is at its next request.
    pub(super) async fn wait(&mut self, mut claim: JoinHandle<Answer>) -> anyhow::Result<()> {
        let next = async {
            tokio::select! {
                request = self.stage.gate.next() => (request, None),
                answer = &mut claim => (None, Some(answer)),
            }
        };
        match tokio::time::timeout(PATIENCE, next).await? {
            (Some(at), _) => {
                self.claiming = Some(Claiming { at, claim });
                Ok(())
            }
            (None, Some(answer)) => {
                self.stage.gate.shut(false);
                self.take(answer?)
            }
            (None, None) => bail!("the gate is gone"),
        }
    }

    /// Lets the claim that is under way end.
    pub(super) async fn arrive(&mut self) -> anyhow::Result<()> {
        while self.claiming.is_some() {
            self.advance().await?;
        }
        Ok(())
    }

    /// The answer to a claim.
    pub(super) fn take(&mut self, answer: Answer) -> anyhow::Result<()> {
        let jobs = match answer {
            Ok(Claimed::Jobs(jobs)) => jobs,
            Ok(Claimed::LeaseLost) => bail!("the lease was lost"),
            // Others have locked all that there is; or what the claim may have taken is given back
            // by the next audit.
            Ok(Claimed::Contended) | Err(_) => return Ok(()),
        };
        let ids: Vec<_> = jobs.iter().map(|job| job.id.as_i64()).collect();
        self.story.push(format!("the driver has {ids:?}"));
        for ClaimedJob { id, claim, .. } in jobs {
            self.taken.insert(id.as_i64());
            let before = self.held.insert(id, claim);
            ensure!(before.is_none(), "job {id} was claimed twice");
        }
        Ok(())
    }

    /// The driver claims until there is nothing. It must have found whatever is there.
    pub(super) async fn audit(&mut self) -> anyhow::Result<()> {
        self.arrive().await?;
        self.reconcile().await?;
        self.story.push("the driver claims all".to_owned());
        loop {
            let before = self.held.len();
            let (queue, limit) = (Arc::clone(&self.queue), self.rng.usize(1..20));
            let claim = self.next_claim(queue, limit);
            let answer = self.stage.driver.claim(claim).await;
            ensure!(answer.is_ok(), "{answer:?}");
            self.take(answer)?;
            if self.held.len() == before {
                break;
            }
        }
        let locked = self.stage.rivals.iter().flat_map(|rival| &rival.jobs);
        let stranded: Vec<(i64, i64)> = sqlx::query_as(
            "select id, seq from pgq_jobs.ready
             where queue = $1 and task = any ($2) and id <> all ($3)",
        )
        .bind(&*self.queue)
        .bind(&*self.tasks)
        .bind(locked.copied().collect::<Vec<_>>())
        .fetch_all(self.stage.database.pool())
        .await?;
        ensure!(stranded.is_empty(), "stranded, as (id, seq): {stranded:?}");
        if self.rng.bool() {
            self.complete().await?;
        }
        Ok(())
    }

    /// Gives back what was claimed by an answer that nobody heard.
    pub(super) async fn reconcile(&mut self) -> anyhow::Result<()> {
        let Stage { driver, .. } = &self.stage;
        let on_server: HashMap<_, _> = driver.held(self.worker).await?.into_iter().collect();
        let mut lost = Vec::new();
        for (job, claim) in &on_server {
            if self.held.get(job) != Some(claim) {
                lost.push(release(*job, *claim));
                self.fresh.remove(job);
            }
        }
        driver.end(self.worker, &lost).await?;
        Ok(())
    }

    async fn complete(&mut self) -> anyhow::Result<()> {
        let jobs = self.held.drain().map(|(job, claim)| Completion {
            job,
            claim,
            result: None,
            retain: pgq::Retain::DEFAULT,
            durability: pgq::Durability::Durable,
        });
        let jobs: Vec<_> = jobs.collect();
        let completed = self.stage.driver.complete(self.worker, &jobs).await?;
        ensure!(completed == jobs.len(), "{completed} of {jobs:?}");
        Ok(())
    }

    /// The driver gives back what it runs, under new numbers.
    pub(super) async fn release(&mut self) -> anyhow::Result<()> {
        self.arrive().await?;
        let jobs: Vec<_> = self.held.drain().collect();
        self.story.push(format!("the driver gives back {jobs:?}"));
        let mut endings = Vec::new();
        for (job, claim) in jobs {
            endings.push(release(job, claim));
            self.fresh.remove(&job);
            self.taken.remove(&job.as_i64());
        }
        self.stage.driver.end(self.worker, &endings).await?;
        Ok(())
    }

    /// The next answer to the driver is lost with the connection.
    pub(super) async fn mute(&mut self) -> anyhow::Result<()> {
        let Some(Claiming { at, claim }) = self.claiming.take() else {
            return Ok(());
        };
        self.story.push("an answer is lost".to_owned());
        at.mute();
        self.wait(claim).await
    }

    /// The driver's worker knows one task more.
    pub(super) fn learn(&mut self) {
        self.story.push("the driver knows both tasks".to_owned());
        self.tasks = Arc::from([TASK.to_owned(), OTHER_TASK.to_owned()]);
    }
}

fn release(job: JobId, claim: i64) -> Ending {
    Ending {
        job,
        claim,
        end: End::Release(Duration::ZERO),
        error: None,
        retention: pgq::Retain::DEFAULT.failed,
    }
}
