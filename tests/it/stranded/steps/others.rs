//! What others do.

use pgq::JobId;
use pgq::driver::AttemptDriver as _;

use super::super::world::{TASK, insert, unclaim};
use super::{Claiming, OTHER_TASK, OTHERS, World};

/// Who has a transaction open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Producer,
    Rival,
}

impl World<'_> {
    /// A transaction enqueues, or ends; now and then both at once.
    pub(super) async fn produce(&mut self) -> anyhow::Result<()> {
        let producer = self.rng.usize(..OTHERS);
        if self.stage.producers[producer].is_open() && self.rng.u8(..3) > 0 {
            return self.end(Kind::Producer, producer).await;
        }
        let other = &mut self.stage.producers[producer];
        other.begin().await?;
        let task = [TASK, OTHER_TASK][usize::from(self.rng.u8(..10) == 0)];
        let priority = i16::from(self.rng.u8(..6) == 0);
        let jobs = self.rng.usize(1..=3);
        let insert = insert("enqueue_ready", task, &self.queue, priority, jobs)?;
        let added = insert.fetch_all(&mut other.connection).await?;
        self.story
            .push(format!("producer {producer} adds {added:?} of {task}"));
        other.jobs.extend(added);
        match self.rng.u8(..3) {
            0 => self.end(Kind::Producer, producer).await,
            _ => Ok(()),
        }
    }

    /// Another worker's claim locks rows, or ends.
    pub(super) async fn compete(&mut self) -> anyhow::Result<()> {
        let rival = self.rng.usize(..OTHERS);
        let other = &mut self.stage.rivals[rival];
        if other.is_open() {
            return self.end(Kind::Rival, rival).await;
        }
        other.begin().await?;
        let limit = self.rng.i64(1..=2);
        other.jobs = sqlx::query_scalar(
            "delete from pgq_jobs.ready
             where ctid = any (array(
                 select ctid from pgq_jobs.ready where queue = $1 and task = $2
                 order by seq limit $3 for update skip locked
             ))
             returning id",
        )
        .bind(&*self.queue)
        .bind(TASK)
        .bind(limit)
        .fetch_all(&mut other.connection)
        .await?;
        self.story
            .push(format!("rival {rival} takes {:?}", other.jobs));
        Ok(())
    }

    /// Ends a transaction in one way or the other.
    pub(super) async fn end(&mut self, kind: Kind, number: usize) -> anyhow::Result<()> {
        let commits = self.rng.u8(..4) > u8::from(kind == Kind::Rival);
        let other = match kind {
            Kind::Producer => &mut self.stage.producers[number],
            Kind::Rival => &mut self.stage.rivals[number],
        };
        let jobs = other.end(commits).await?;
        match kind {
            _ if !commits => drop(jobs),
            Kind::Producer => {
                for id in jobs {
                    self.added.insert(id);
                    self.fresh.insert(JobId::from_i64(id));
                }
            }
            Kind::Rival => self.taken.extend(jobs),
        }
        let ends = if commits { "commits" } else { "rolls back" };
        self.story.push(format!("{kind:?} {number} {ends}"));
        Ok(())
    }

    /// What a crash of the server does: all connections break, so open transactions are rolled
    /// back, and claims that were not on disk yet have not been.
    pub(super) async fn crash(&mut self) -> anyhow::Result<()> {
        // Without a claim under way the driver's connection stays open.
        if self.claiming.is_none() {
            self.advance().await?;
        }
        if let Some(Claiming { at, claim }) = self.claiming.take() {
            drop(at);
            self.wait(claim).await?;
        }
        for other in self
            .stage
            .producers
            .iter_mut()
            .chain(&mut self.stage.rivals)
        {
            other.end(false).await?;
        }
        let on_disk = self.rng.i64(0..=self.claims);
        let on_server = self.stage.driver.held(self.worker).await?.into_iter();
        let unsure = on_server.filter(|(job, claim)| *claim > on_disk && self.fresh.contains(job));
        let unsure: Vec<i64> = unsure.map(|(job, _)| job.as_i64()).collect();
        let lost = unclaim(self.stage.database.pool(), &unsure).await?;
        self.story.push(format!(
            "the server crashes and loses the claims of {lost:?}"
        ));
        for id in lost {
            self.held.remove(&JobId::from_i64(id));
            self.taken.remove(&id);
        }
        self.audit().await
    }
}
