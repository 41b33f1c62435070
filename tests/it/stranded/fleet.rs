//! The drivers, each with a worker of its own.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use fastrand::Rng;
use pgq::driver::{
    AttemptDriver as _, Claim, Claimed, ClaimedJob, Completion, Driver, DriverError, End, Ending,
    WorkerId, WorkerInfo,
};
use pgq::postgres::PostgresDriver;
use pgq::{JobId, Retain};
use pgq_tests::PATIENCE;

use super::world::{Kind, SHARED, TASK, World, pause};

/// A lease that does not end.
const LEASE: Duration = Duration::from_secs(3600);

/// A claim token.
type Token = (WorkerId, i64);

/// Who runs which job.
#[derive(Default)]
pub(super) struct Holds(Mutex<HashMap<JobId, Token>>);

impl Holds {
    /// A claim has returned a job.
    fn take(&self, job: JobId, token: Token) -> anyhow::Result<()> {
        match self.0.lock().unwrap().insert(job, token) {
            Some(other) => bail!("job {job} was claimed by {token:?} while {other:?} ran it"),
            None => Ok(()),
        }
    }

    /// An attempt is about to end; `false` if it was lost.
    fn drop(&self, job: JobId, token: Token) -> bool {
        let mut holds = self.0.lock().unwrap();
        let is_ours = holds.get(&job) == Some(&token);
        if is_ours {
            holds.remove(&job);
        }
        is_ours
    }

    fn is_held(&self, job: JobId, token: Token) -> bool {
        self.0.lock().unwrap().get(&job) == Some(&token)
    }

    /// The storage has forgotten that these were claimed.
    pub(super) fn lose(&self, jobs: &[i64]) {
        let mut holds = self.0.lock().unwrap();
        for job in jobs {
            holds.remove(&JobId::from_i64(*job));
        }
    }
}

/// A driver and its worker.
pub(super) struct Member<'a> {
    world: &'a World,
    driver: PostgresDriver,
    worker: WorkerId,
    queues: [&'static str; 2],
    tasks: Arc<[String]>,
    claims: AtomicI64,
    /// What it runs.
    jobs: Mutex<Vec<(JobId, i64)>>,
}

impl<'a> Member<'a> {
    pub(super) async fn new(world: &'a World, own: &'static str) -> anyhow::Result<Self> {
        let member = Self {
            world,
            driver: PostgresDriver::new(world.pool.clone()),
            worker: WorkerId::random(),
            queues: [SHARED, own],
            tasks: Arc::from([TASK.to_owned()]),
            claims: AtomicI64::new(0),
            jobs: Mutex::default(),
        };
        let info = WorkerInfo {
            id: member.worker,
            lease: LEASE,
            host: "localhost".to_owned(),
            pid: 1,
            queues: member.queues.map(str::to_owned).to_vec(),
            concurrency: 1,
            build: pgq::driver::Build::default(),
        };
        ensure!(
            member.driver.register_worker(info).await?,
            "the id is taken"
        );
        Ok(member)
    }

    /// Claims, promotes and audits, in a random order, while there are producers.
    pub(super) async fn work(&self, kind: Kind, mut rng: Rng) -> anyhow::Result<()> {
        while self.world.goes_on() {
            if rng.u8(..kind.audit_every) == 0 {
                let _alone = self.world.gate.write().await;
                self.audit(&mut rng).await?;
            } else if rng.u8(..10) == 0 {
                let _shared = self.world.gate.read().await;
                self.driver.promote(rng.usize(1..50)).await?;
            } else {
                self.turn(kind, &mut rng).await?;
            }
        }
        Ok(())
    }

    /// Claims a few jobs, and ends some of those that it runs.
    async fn turn(&self, kind: Kind, rng: &mut Rng) -> anyhow::Result<()> {
        let number = self.claims.fetch_add(1, Ordering::Relaxed);
        {
            let _shared = self.world.gate.read().await;
            let queue = self.queues[rng.usize(..2)];
            let claim = self.claim(queue, number, rng.usize(1..=kind.limit_max));
            let given_up = match rng.u8(..10) {
                0 => Duration::from_micros(rng.u64(..4000)),
                _ => PATIENCE,
            };
            // One that failed may have claimed all the same; the next audit gives that back.
            if let Ok(Ok(jobs)) = tokio::time::timeout(given_up, claim).await {
                self.take(&jobs)?;
            }
        }
        pause(rng.u64(..4)).await;
        let ending = {
            let mut jobs = self.jobs.lock().unwrap();
            rng.shuffle(&mut jobs);
            let left = jobs.len() / 2;
            jobs.split_off(left)
        };
        let _shared = self.world.gate.read().await;
        self.end(&ending, rng).await
    }

    async fn claim(
        &self,
        queue: &str,
        number: i64,
        limit: usize,
    ) -> Result<Vec<ClaimedJob>, DriverError> {
        let claim = Claim {
            worker: self.worker,
            number,
            queue: Arc::from(queue),
            tasks: vec![Arc::clone(&self.tasks)],
            fingerprints: None,
            limit,
            horizon: None,
            priority_max: None,
        };
        match self.driver.claim(claim).await? {
            Claimed::Jobs(jobs) => Ok(jobs),
            Claimed::Contended => Ok(Vec::new()),
            Claimed::LeaseLost => panic!("a lease of {LEASE:?} was lost"),
        }
    }

    /// Claims from the shared queue, undisturbed.
    pub(super) async fn claim_shared(&self, limit: usize) -> anyhow::Result<Vec<i64>> {
        let claimed = self.claim(SHARED, self.undisturbed(), limit).await?;
        Ok(claimed.iter().map(|job| job.id.as_i64()).collect())
    }

    fn take(&self, jobs: &[ClaimedJob]) -> anyhow::Result<()> {
        for job in jobs {
            self.world.holds.take(job.id, (self.worker, job.claim))?;
            self.jobs.lock().unwrap().push((job.id, job.claim));
        }
        Ok(())
    }

    /// Ends attempts in whatever way; those that were lost meanwhile have ended already.
    async fn end(&self, jobs: &[(JobId, i64)], rng: &mut Rng) -> anyhow::Result<()> {
        let (mut completions, mut endings) = (Vec::new(), Vec::new());
        for &(job, claim) in jobs {
            if !self.world.holds.drop(job, (self.worker, claim)) {
                continue;
            }
            let delay = Duration::from_micros(rng.u64(..20_000));
            let end = match rng.u8(..10) {
                0 => Some(End::Release(Duration::ZERO)),
                1 => Some(End::Release(delay)),
                2 => Some(End::Retry(delay)),
                _ => None,
            };
            match end {
                Some(end) => endings.push(Ending {
                    job,
                    claim,
                    end,
                    error: None,
                    retention: Retain::DEFAULT.failed,
                }),
                None => completions.push(Completion {
                    job,
                    claim,
                    result: None,
                    retain: Retain::DEFAULT,
                    durability: pgq::Durability::Durable,
                }),
            }
        }
        // A connection may break, and break again.
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.driver.complete(self.worker, &completions).await {
            ensure!(Instant::now() < deadline, "{error:?}");
        }
        while let Err(error) = self.driver.end(self.worker, &endings).await {
            ensure!(Instant::now() < deadline, "{error:?}");
        }
        Ok(())
    }

    /// Claims while nobody else does, until there is nothing: then every job that was ready has
    /// been found.
    async fn audit(&self, rng: &mut Rng) -> anyhow::Result<()> {
        self.world.settle().await?;
        let before = self.world.ready(&self.queues).await?;
        for queue in self.queues {
            let mut empty = 0;
            // Twice: a row is visible a moment before its transaction is seen to have ended.
            while empty < 2 {
                let number = self.undisturbed();
                match self.claim(queue, number, rng.usize(1..200)).await {
                    Ok(jobs) if jobs.is_empty() => empty += 1,
                    Ok(jobs) => self.take(&jobs)?,
                    // The connection broke.
                    Err(_) => empty = 0,
                }
            }
        }
        let after = self.world.ready(&self.queues).await?;
        let stranded: Vec<_> = before.intersection(&after).collect();
        ensure!(stranded.is_empty(), "stranded, as (id, seq): {stranded:?}");
        self.return_lost().await
    }

    /// The number of a claim that is neither slow nor fails.
    fn undisturbed(&self) -> i64 {
        loop {
            let number = self.claims.fetch_add(1, Ordering::Relaxed);
            if number % 3 != 1 {
                return number;
            }
        }
    }

    /// Gives back what claims have taken whose answer nobody heard.
    async fn return_lost(&self) -> anyhow::Result<()> {
        let lost: Vec<Ending> = self
            .driver
            .held(self.worker)
            .await?
            .into_iter()
            .filter(|&(job, claim)| !self.world.holds.is_held(job, (self.worker, claim)))
            .map(|(job, claim)| Ending {
                job,
                claim,
                end: End::Release(Duration::ZERO),
                error: None,
                retention: Retain::DEFAULT.failed,
            })
            .collect();
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.driver.end(self.worker, &lost).await {
            ensure!(Instant::now() < deadline, "{error:?}");
        }
        Ok(())
    }
}

/// Runs whatever is left.
pub(super) async fn finish(
    world: &World,
    members: &[Member<'_>],
    rng: &mut Rng,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut idle = true;
        for member in members {
            idle &= member.driver.promote(1000).await?.next.is_none();
            member.audit(rng).await?;
            let jobs = mem::take(&mut *member.jobs.lock().unwrap());
            member.end(&jobs, rng).await?;
        }
        let left: i64 = sqlx::query_scalar(
            "select (select count(*) from pgq_jobs.ready) + (select count(*) from pgq_jobs.running)
                 + (select count(*) from pgq_jobs.scheduled)",
        )
        .fetch_one(&world.pool)
        .await?;
        if idle && left == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{left} jobs do not run");
    }
}
