//! A worker in this process that says which job began when.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail, ensure};
use pgq::{CancellationToken, JobId, Registry, Run};
use sqlx::PgPool;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use crate::clock::{Clock, Micros};
use crate::schema;
use crate::server::Database;
use crate::task::{Begins, clocked, inputs};

/// How long nothing may begin, before that is taken for a job that was lost.
const STALL_MAX: Duration = Duration::from_secs(60);

/// The number of the job that a worker begins with.
const FIRST: i64 = -1;

/// An attempt that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin {
    pub(crate) job: i64,
    /// What its input says.
    pub(crate) number: i64,
    /// By the database's clock.
    pub(crate) at: Micros,
}

/// The worker. It stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) clock: Clock,
    pool: PgPool,
    begins: UnboundedReceiver<(JobId, i64, SystemTime)>,
    stop: Stop,
    worker: JoinHandle<pgq::Result<()>>,
}

#[derive(Debug)]
struct Stop(CancellationToken);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Watched {
    /// Starts a worker of `clocked`, which runs pgq's default of jobs at once unless another number is
    /// given, and runs the first job of the database there.
    pub(crate) async fn start(
        database: &Database,
        concurrency: Option<usize>,
    ) -> anyhow::Result<Self> {
        let clock = Clock::compare(&mut database.connect().await?).await?;
        let (sender, begins) = unbounded_channel();
        let stop = CancellationToken::new();
        let mut run = Run::new(Registry::new())
            .task::<clocked>()
            .state(Begins(sender))
            .pool(database.pool().clone())
            .without_signals()
            .stop_on(stop.clone());
        if let Some(concurrency) = concurrency {
            run = run.concurrency(concurrency);
        }
        let mut watched = Self {
            clock,
            pool: database.pool().clone(),
            begins,
            stop: Stop(stop),
            worker: tokio::spawn(run.into_future()),
        };
        for (to, number) in inputs(FIRST..FIRST + 1) {
            clocked::enqueue(database.pool(), to, number).await?;
        }
        watched.collect(1).await?;
        Ok(watched)
    }

    /// Waits for so many attempts to begin.
    pub(crate) async fn collect(&mut self, count: i64) -> anyhow::Result<Vec<Begin>> {
        let mut all = Vec::new();
        for left in (0..count).rev() {
            let next = tokio::time::timeout(STALL_MAX, self.begins.recv());
            let next = tokio::select! {
                biased;
                next = next => next,
                // Something of it may live on, and so does the channel.
                ended = &mut self.worker => bail!("the worker has ended: {ended:?}"),
            };
            let Ok(next) = next else {
                let places = schema::places(&self.pool).await?;
                bail!("{} of {count} jobs never began: {places}", left + 1);
            };
            let (job, number, at) = next.context("the worker has ended")?;
            all.push(Begin {
                job: job.as_i64(),
                number,
                at: self.clock.at(at),
            });
        }
        Ok(all)
    }

    /// Stops the worker, once it has ended its jobs. Fails if any began beside those that were collected.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        self.stop.0.cancel();
        self.worker.await??;
        let other = self.begins.try_recv().ok();
        ensure!(other.is_none(), "a job began that should not: {other:?}");
        Ok(())
    }
}
