//! What every driver promises: the sentences of [`pgq::driver::Driver`], one case each.

mod attempts;
mod cancel;
mod change;
mod check;
mod children;
mod claim;
mod contract;
mod declare;
mod detail;
mod enqueue;
mod expire;
mod fence;
mod filter;
mod find;
mod finish;
mod fixture;
mod fleet;
mod history;
mod inputs;
mod key_rates;
mod keys;
mod lease;
mod limit;
mod list;
mod listen;
mod logs;
mod made;
mod overlap;
mod pause;
mod progress;
mod promote;
mod replace;
mod request;
mod schedule;
mod schema;
mod stored;
mod unique;
mod unique_at_once;
mod unique_ticks;
mod waiting_keys;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use pgq::driver::{
    Claim, Claimed, ClaimedInput, ClaimedJob, Completion, End, Ending, Enqueue, Schedule,
    ScheduleVersion, Start, StoredInput, Tick, Trigger, WorkerId, WorkerInfo,
};
use pgq::{Job, JobId, Retain};

use self::fixture::{Storage, conformance, enqueue_conformance};

const QUEUE: &str = "mail";
const TASK: &str = "greet";

/// So long that nothing becomes due, and no lease ends, while a case runs.
const LONG: Duration = Duration::from_secs(3600);
/// So short that a case can wait for it.
const SHORT: Duration = Duration::from_millis(20);

/// Jobs of [`TASK`] that may start now, with these inputs.
fn jobs<const N: usize>(inputs: [&[u8]; N]) -> Enqueue {
    Enqueue {
        task: TASK.into(),
        queue: QUEUE.into(),
        priority: 0,
        max_attempts: 5,
        fingerprint: Some(7),
        start: Start::Now,
        durability: pgq::Durability::Durable,
        jobs: inputs.map(|input| input.to_vec().into()).to_vec(),
    }
}

/// One job of [`TASK`].
fn one() -> Enqueue {
    jobs([b"\x01"])
}

impl Storage {
    async fn now(&self) -> anyhow::Result<chrono::DateTime<chrono::Utc>> {
        Ok(self.schedules(&[]).await?.now)
    }

    /// Enqueues the job of one tick.
    async fn tick(&self, tick: Tick) -> anyhow::Result<Option<JobId>> {
        let ticked = self.driver().tick(vec![tick]).await?;
        anyhow::ensure!(ticked.len() == 1, "one tick became {ticked:?}");
        Ok(ticked[0].job())
    }

    /// Makes a schedule at run time.
    async fn make_schedule(&self, schedule: &Schedule) -> anyhow::Result<bool> {
        Ok(self.driver().make_schedule(schedule, None).await?)
    }

    /// Edits a schedule that was made at run time, as of now.
    async fn edit_schedule(&self, schedule: &Schedule, seen: i64) -> anyhow::Result<bool> {
        let now = self.now().await?;
        let edited = self.driver().edit_schedule(schedule, seen, now, None);
        Ok(edited.await?)
    }

    /// Reads the input of one schedule.
    async fn schedule_input(
        &self,
        name: &str,
        revision: i64,
    ) -> anyhow::Result<Option<StoredInput>> {
        let version = ScheduleVersion { name, revision };
        let mut read = self.schedule_inputs(&[version]).await?;
        anyhow::ensure!(read.len() == 1, "one was asked for: {read:?}");
        Ok(read.pop().flatten())
    }

    /// Enqueues a job of a schedule that is no tick.
    async fn trigger(
        &self,
        schedule: &str,
        revision: i64,
        enqueue: Enqueue,
    ) -> anyhow::Result<Option<JobId>> {
        let trigger = Trigger {
            schedule,
            revision,
            requested_at: None,
        };
        let ticked = self.driver().trigger(trigger, enqueue).await?;
        Ok(ticked.job())
    }

    /// Enqueues one job.
    async fn put(&self, enqueue: Enqueue) -> anyhow::Result<JobId> {
        let ids = self.enqueue(enqueue).await?;
        match ids[..] {
            [id] => Ok(id),
            _ => bail!("one input got the ids {ids:?}"),
        }
    }

    /// Finds a job that must be there.
    async fn job(&self, id: JobId) -> anyhow::Result<Job> {
        self.find(id).await?.context("the job is not there")
    }

    /// Registers a worker with a long lease.
    async fn worker(&self) -> anyhow::Result<Worker<'_>> {
        let worker = Worker {
            storage: self,
            id: WorkerId::random(),
            claims: Cell::new(0),
        };
        let registered = self.register_worker(worker.info()).await?;
        anyhow::ensure!(registered, "a random id was taken");
        Ok(worker)
    }
}

/// A worker as its storage sees it.
#[derive(Debug)]
struct Worker<'a> {
    storage: &'a Storage,
    id: WorkerId,
    /// How many claims it has made.
    claims: Cell<i64>,
}

impl Worker<'_> {
    fn info(&self) -> WorkerInfo {
        WorkerInfo {
            id: self.id,
            lease: LONG,
            host: "localhost".to_owned(),
            pid: 1,
            queues: vec![QUEUE.to_owned()],
            concurrency: 1,
            build: pgq::driver::Build::default(),
        }
    }

    /// The next claim: of [`QUEUE`] and [`TASK`], more jobs than any case has.
    fn next_claim(&self) -> Claim {
        self.claims.set(self.claims.get() + 1);
        Claim {
            worker: self.id,
            number: self.claims.get(),
            queue: Arc::from(QUEUE),
            tasks: vec![tasks([TASK])],
            fingerprints: None,
            limit: 10_000,
            horizon: None,
            priority_max: None,
        }
    }

    /// Makes a claim that must be answered with jobs.
    async fn make(&self, claim: Claim) -> anyhow::Result<Vec<ClaimedJob>> {
        match self.storage.claim(claim).await? {
            Claimed::Jobs(jobs) => Ok(jobs),
            Claimed::Contended => Ok(Vec::new()),
            Claimed::LeaseLost => bail!("the lease was lost"),
        }
    }

    /// Claims every job of [`TASK`] that is ready.
    async fn claim_all(&self) -> anyhow::Result<Vec<ClaimedJob>> {
        self.make(self.next_claim()).await
    }

    /// Claims one job, which must be there.
    async fn claim_one(&self) -> anyhow::Result<ClaimedJob> {
        let claim = Claim {
            limit: 1,
            ..self.next_claim()
        };
        self.make(claim).await?.pop().context("no job was claimed")
    }

    /// Is `true` if a claim is refused.
    async fn has_lost_its_lease(&self) -> anyhow::Result<bool> {
        let claimed = self.storage.claim(self.next_claim()).await?;
        Ok(matches!(claimed, Claimed::LeaseLost))
    }

    async fn complete(&self, job: &ClaimedJob) -> anyhow::Result<usize> {
        Ok(self.storage.complete(self.id, &[completion(job)]).await?)
    }

    async fn end(&self, job: &ClaimedJob, end: End) -> anyhow::Result<usize> {
        Ok(self.storage.end(self.id, &[ending(job, end)]).await?)
    }

    async fn held(&self) -> anyhow::Result<Vec<(JobId, i64)>> {
        let mut held = self.storage.held(self.id).await?;
        held.sort();
        Ok(held)
    }

    /// Lets its lease end, as if its process had gone.
    async fn die(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.storage.heartbeat(self.id, SHORT, 0).await?);
        self.storage.pass(SHORT).await
    }
}

fn tasks<const N: usize>(names: [&str; N]) -> Arc<[String]> {
    names.map(str::to_owned).into()
}

fn completion(job: &ClaimedJob) -> Completion {
    Completion {
        job: job.id,
        claim: job.claim,
        result: Some(b"\x01result".to_vec()),
        retain: Retain::DEFAULT,
        durability: pgq::Durability::Durable,
    }
}

fn ending(job: &ClaimedJob, end: End) -> Ending {
    Ending {
        job: job.id,
        claim: job.claim,
        end,
        error: Some("no luck".to_owned()),
        retention: Retain::DEFAULT.failed,
    }
}

/// The input of a job that was handed out with it.
fn input(job: &ClaimedJob) -> &[u8] {
    match &job.input {
        ClaimedInput::Here(input) => input,
        ClaimedInput::Apart { .. } => panic!("{job:?}: the input is kept apart"),
    }
}

fn ids(jobs: &[ClaimedJob]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}
