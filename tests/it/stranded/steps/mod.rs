//! One driver among transactions of others, one step at a time.
//!
//! The driver's requests wait at a gate, so that others act between any two of them, within a tick
//! too. The seed alone decides which step is next: whoever acts has finished before the next one
//! does. What others do to the driver's rows is all that can be done to them: they come, late or
//! never, they are locked, and taken or given back.

mod driver;
mod habits;
mod others;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use fastrand::Rng;
use pgq::JobId;
use pgq::driver::{Claimed, Driver, DriverError, WorkerId, WorkerInfo};
use pgq::postgres::PostgresDriver;
use pgq_tests::database::TestDatabase;
use pgq_tests::gate::{Gate, Request};
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinHandle;

use self::habits::Habits;
use self::others::Kind;
use super::other::Other;
use super::world::TASK;

/// A task that the driver may not know.
const OTHER_TASK: &str = "print";
/// A queue without jobs: a claim from it makes a tick.
const NOBODYS: &str = "nobody's";
/// How many transactions may be open beside the driver, of those who enqueue and of those who claim.
const OTHERS: usize = 3;
/// How many steps a world takes.
const STEPS: usize = 60;

type Answer = Result<Claimed, DriverError>;

/// What one world after the other uses.
pub(super) struct Stage {
    database: TestDatabase,
    gate: Gate,
    driver: PostgresDriver,
    producers: Vec<Other>,
    rivals: Vec<Other>,
}

/// What one seed makes.
struct World<'a> {
    stage: &'a mut Stage,
    rng: Rng,
    habits: Habits,
    queue: Arc<str>,
    worker: WorkerId,
    tasks: Arc<[String]>,
    claims: i64,
    claiming: Option<Claiming>,
    /// What the driver runs.
    held: HashMap<JobId, i64>,
    /// Jobs that have waited once only, so that their number is their id.
    fresh: HashSet<JobId>,
    added: HashSet<i64>,
    taken: HashSet<i64>,
    /// What has happened, for the message of a failure.
    story: Vec<String>,
}

/// A claim that is under way, and the request that it waits for.
struct Claiming {
    at: Request,
    claim: JoinHandle<Answer>,
}

impl Stage {
    pub(super) async fn new() -> anyhow::Result<Self> {
        let database = TestDatabase::migrated().await?;
        let options = database.pool().connect_options();
        let gate = Gate::open(&options).await?;
        let pool = PgPoolOptions::new().connect_lazy_with(gate.options(&options));
        let mut others = Vec::new();
        for _ in 0..2 * OTHERS {
            others.push(Other::connect(&options).await?);
        }
        Ok(Self {
            database,
            gate,
            driver: PostgresDriver::new(pool),
            rivals: others.split_off(OTHERS),
            producers: others,
        })
    }

    /// Lets a world run from its beginning to its end.
    pub(super) async fn run(&mut self, seed: u64) -> anyhow::Result<()> {
        let worker = WorkerId::random();
        let queue = Arc::from(format!("queue {seed}"));
        let info = WorkerInfo {
            id: worker,
            lease: Duration::from_secs(3600),
            host: "localhost".to_owned(),
            pid: 1,
            queues: vec![String::from(&*queue)],
            concurrency: 1,
            build: pgq::driver::Build::default(),
        };
        ensure!(self.driver.register_worker(info).await?, "the id is taken");
        let mut rng = Rng::with_seed(seed);
        let mut world = World {
            stage: self,
            habits: Habits::new(&mut rng),
            rng,
            queue,
            worker,
            tasks: Arc::from([TASK.to_owned()]),
            claims: 0,
            claiming: None,
            held: HashMap::new(),
            fresh: HashSet::new(),
            added: HashSet::new(),
            taken: HashSet::new(),
            story: Vec::new(),
        };
        let lived = world.live().await;
        lived.with_context(|| format!("after {}", world.story.join(", ")))
    }
}

impl World<'_> {
    async fn live(&mut self) -> anyhow::Result<()> {
        for _ in 0..STEPS {
            let mut chance = self.rng.u8(..100);
            let mut happens = |percent: u8| {
                let happens = chance < percent;
                chance = chance.saturating_sub(percent);
                happens
            };
            if happens(self.habits.rivals) {
                self.compete().await?;
            } else if happens(self.habits.audits) {
                self.audit().await?;
            } else if happens(self.habits.releases) {
                self.release().await?;
            } else if happens(self.habits.mutes) {
                self.mute().await?;
            } else if happens(self.habits.crashes) {
                self.crash().await?;
            } else if happens(self.habits.lessons) {
                self.learn();
            } else if happens(self.habits.claims) {
                self.advance().await?;
            } else {
                self.produce().await?;
            }
        }
        self.arrive().await?;
        for other in 0..OTHERS {
            self.end(Kind::Producer, other).await?;
            self.end(Kind::Rival, other).await?;
        }
        // Before other tasks make it begin anew.
        self.audit().await?;
        self.tasks = Arc::from([TASK.to_owned(), OTHER_TASK.to_owned()]);
        self.audit().await?;
        let left: HashSet<i64> = self.added.difference(&self.taken).copied().collect();
        ensure!(left.is_empty(), "{left:?} were committed and never claimed");
        Ok(())
    }
}
