//! What a task says of its jobs: their names, their delay, and the pauses between attempts.

use std::time::Duration;

use pgq::testing::Harness;
use pgq::{
    Backoff, Concurrency, Context, JobBuilder, JobState, Rate, Registration, Registry, Run, Source,
    Task, TaskDescriptor, TaskError, TaskOptions, Unique,
};
use pgq_tests::database::TestDatabase;

use super::{drain, worker};

const HOUR: Duration = Duration::from_secs(3600);

/// What was deployed before [`charge`].
mod before {
    #[pgq::task(register = false)]
    pub(super) async fn bill(_cents: u64) -> anyhow::Result<String> {
        anyhow::bail!("the old code must not run");
    }

    #[pgq::task(register = false, name = "billing/pay")]
    pub(super) async fn pay(_cents: u64) -> anyhow::Result<String> {
        anyhow::bail!("the old code must not run");
    }
}

/// Returns the name that its row carries.
#[pgq::task(aliases = ["billing/pay", "bill"])]
async fn charge(context: &Context, _cents: u64) -> anyhow::Result<String> {
    Ok(context.task().to_owned())
}

#[pgq::task(name = "charge", register = false)]
async fn charge_too(_cents: u64) {}

#[pgq::task(name = "bill")]
async fn bill_again(_cents: u64) {}

#[pgq::task(aliases = ["bill", "charge"])]
async fn refund(_cents: u64) {}

#[pgq::task(delay = "1h")]
async fn remind(_user: u32) {}

#[pgq::task(register = false)]
async fn unregistered() -> anyhow::Result<u8> {
    Ok(7)
}

#[pgq::task(backoff(fixed = "10s", jitter = 0))]
async fn fail_fixed() -> anyhow::Result<()> {
    anyhow::bail!("no luck")
}

#[pgq::task(backoff(linear = "10s", max = "25s", jitter = 0))]
async fn fail_linear() -> anyhow::Result<()> {
    anyhow::bail!("no luck")
}

#[pgq::task(backoff(exponential = "10s", max = "25s", jitter = 0))]
async fn fail_exponential() -> anyhow::Result<()> {
    anyhow::bail!("no luck")
}

/// A registry of these tasks only.
fn registry(tasks: impl IntoIterator<Item = TaskDescriptor>) -> Registry {
    let mut registry = Registry::new();
    for task in tasks {
        registry.add(Registration::Task(task));
    }
    registry
}

const fn at<T: Task>(line: u32) -> TaskDescriptor {
    let file = "src/bill.rs";
    TaskDescriptor::of::<T>(Source { file, line })
}

/// What a worker of these tasks says instead of starting.
fn problems(tasks: impl IntoIterator<Item = TaskDescriptor>) -> String {
    let checked = Run::new(registry(tasks)).check();
    checked
        .err()
        .map_or_else(String::new, |problems| problems.to_string())
}

#[tokio::test]
async fn rows_of_an_old_name_are_run_by_the_renamed_task() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let jobs = [
        before::bill::enqueue(pool, 100).await?,
        before::pay::enqueue(pool, 200).await?,
        charge::enqueue(pool, 300).await?,
    ];

    let report = drain(worker::<charge>(&database)).await?;

    assert_eq!((report.completed, report.failed), (3, 0));
    for (job, name) in jobs.iter().zip(["bill", "billing/pay", "charge"]) {
        assert_eq!(job.wait(pool).await?, name);
    }
    Ok(())
}

#[tokio::test]
async fn the_harness_runs_rows_of_an_old_name_too() -> anyhow::Result<()> {
    let harness = Harness::with_registry(registry([at::<charge>(1)]));
    let job = before::bill::enqueue(&harness, 100).await?;

    harness.run_due().await.assert_completed();

    assert_eq!(job.wait(&harness).await?, "bill");
    Ok(())
}

#[test]
fn a_name_that_two_tasks_are_known_by_keeps_a_worker_from_starting() {
    let name_first = problems([at::<bill_again>(1), at::<charge>(2)]);
    let alias_first = problems([at::<charge>(2), at::<bill_again>(1)]);
    let of_both = problems([at::<charge>(2), at::<refund>(3)]);

    for (problems, first, second) in [
        (
            name_first,
            "`bill` at src/bill.rs:1",
            "`charge` at src/bill.rs:2",
        ),
        (
            alias_first,
            "`charge` at src/bill.rs:2",
            "`bill` at src/bill.rs:1",
        ),
    ] {
        assert!(
            problems.ends_with(&format!(
                "1 problem before the start:\n  - jobs named `bill` belong to two tasks: {first} \
                 and {second}; remove `bill` from the aliases of one of them"
            )),
            "{problems}"
        );
    }
    for name in ["bill", "charge"] {
        let problem = format!(
            "jobs named `{name}` belong to two tasks: `charge` at src/bill.rs:2 and `refund` at \
             src/bill.rs:3"
        );
        assert!(of_both.contains(&problem), "{of_both}");
    }
    assert!(
        problems([at::<charge>(2), at::<charge_too>(1)]).contains("two tasks are named `charge`")
    );
}

#[tokio::test]
async fn the_delay_of_a_task_holds_unless_its_enqueuer_says_otherwise() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let mut delayed = vec![
        remind::enqueue(pool, 1).await?,
        remind::job(2).priority(3).enqueue(pool).await?,
    ];
    delayed.extend(remind::enqueue_many(pool, [3, 4]).await?);
    let past = chrono::Utc::now() - HOUR;
    let due = [
        remind::job(5).delay(Duration::ZERO).enqueue(pool).await?,
        remind::job(6).run_at(past).enqueue(pool).await?,
    ];

    let report = drain(worker::<remind>(&database)).await?;

    assert_eq!(report.completed, 2);
    for job in due {
        assert_eq!(job.status(pool).await?, JobState::Completed);
    }
    for job in delayed {
        let stored = job.job(pool).await?;
        let delay = stored.run_at.map(|run_at| run_at - stored.created_at);
        assert_eq!(stored.state, JobState::Scheduled);
        assert_eq!(delay, Some(chrono::TimeDelta::hours(1)));
    }
    Ok(())
}

#[tokio::test]
async fn the_harness_keeps_the_delay_of_a_task() -> anyhow::Result<()> {
    let harness = Harness::with_registry(registry([at::<remind>(1)]));
    let job = remind::enqueue(&harness, 1).await?;

    let early = harness.run_due().await;
    harness.advance(HOUR);
    let late = harness.run_due().await;

    assert_eq!((early.completed(), late.completed()), (0, 1));
    assert_eq!(job.status(&harness).await?, JobState::Completed);
    Ok(())
}

#[tokio::test]
async fn the_backoff_of_a_task_sets_the_pause_after_each_attempt() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    fail_fixed::enqueue(pool).await?;
    fail_linear::enqueue(pool).await?;
    fail_exponential::enqueue(pool).await?;

    let mut pauses = Vec::new();
    for _ in 0..3 {
        let run = worker::<fail_fixed>(&database)
            .task::<fail_linear>()
            .task::<fail_exponential>();
        drain(run).await?;
        let seconds: Vec<f64> = sqlx::query_scalar(
            "with hurried as (update pgq_jobs.scheduled set run_at = now())
             select extract(epoch from run_at - max(failed_at))::float8
             from pgq_jobs.scheduled join pgq_jobs.failure on job = id
             group by id, run_at order by id",
        )
        .fetch_all(pool)
        .await?;
        pauses.push(seconds);
    }

    assert_eq!(
        pauses,
        [[10.0, 10.0, 10.0], [10.0, 20.0, 20.0], [10.0, 25.0, 25.0]]
    );
    Ok(())
}

#[tokio::test]
async fn a_task_that_does_not_register_itself_is_registered_by_hand() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();

    let job = unregistered::enqueue(pool).await?;
    drain(worker::<unregistered>(&database)).await?;

    assert_eq!(job.wait(pool).await?, 7);
    assert!(Registry::linked().task("unregistered").is_none());
    assert!(Registry::linked().task("remind").is_some());
    Ok(())
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Hand {
    user: String,
}

fn hand(user: &str) -> Hand {
    Hand {
        user: user.to_owned(),
    }
}

/// Written by hand, with every option that the attribute has.
struct ByHand;

impl Task for ByHand {
    const NAME: &'static str = "by/hand.v2";
    const ALIASES: &'static [&'static str] = &["by/hand"];
    const OPTIONS: TaskOptions = TaskOptions::new()
        .queue("hands")
        .priority(3)
        .max_attempts(2)
        .timeout(HOUR)
        .backoff(Backoff::fixed(HOUR))
        .delay(Duration::from_millis(1))
        .input_max(100)
        .expires(HOUR)
        .unique(Unique::new().by(&["user"]))
        .concurrency(Concurrency::new(2))
        .ordered_by(&["user"])
        .rate(Rate::new(100, HOUR).burst(9))
        .tags(&["hands"]);
    type Input = Hand;
    type Output = usize;

    async fn run(_: &Context, input: Hand) -> Result<usize, TaskError> {
        Ok(input.user.len())
    }
}

#[tokio::test]
async fn a_task_that_is_written_by_hand_has_the_same_powers() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let builder = |user| JobBuilder::<ByHand>::new(hand(user));

    let waits = builder("three").enqueue(pool).await?;
    let runs = builder("four").delay(Duration::ZERO).enqueue(pool).await?;
    let many = ["a", "b"].map(hand);
    let many = pgq::enqueue_many::<ByHand>(pool, many).await?;
    let renamed = "update pgq_jobs.ready set task = 'by/hand'";
    assert_eq!(sqlx::query(renamed).execute(pool).await?.rows_affected(), 1);
    drain(worker::<ByHand>(&database)).await?;

    assert_eq!(runs.wait(pool).await?, 4);
    assert_eq!(many.len(), 2);
    let stored = waits.job(pool).await?;
    assert_eq!((stored.priority, stored.max_attempts), (3, 2));
    assert_eq!(stored.queue, "hands");
    Ok(())
}

#[test]
fn options_that_are_set_by_hand_are_checked_before_the_start() {
    struct Wrong;

    impl Task for Wrong {
        const NAME: &'static str = "wrong";
        const ALIASES: &'static [&'static str] = &["wrong", "o l d", "older", "older"];
        const OPTIONS: TaskOptions = TaskOptions::new()
            .delay(Duration::MAX)
            .expires(HOUR)
            .unique(Unique::new().by(&["user", "user"]).within(Duration::ZERO))
            .concurrency(Concurrency::new(0).by(&["user"]))
            .ordered_by(&["user"])
            .rate(Rate::new(0, Duration::ZERO))
            .tags(&["eu", "eu", ""]);
        type Input = ();
        type Output = ();

        async fn run(_: &Context, (): ()) -> Result<(), TaskError> {
            Ok(())
        }
    }

    let problems = problems([at::<Wrong>(9)]);

    for part in [
        "its alias `wrong` is its own name",
        "its alias \"o l d\" must consist of letters, digits and `_-.:/`, but contains ' '",
        "its alias `older` is given twice",
        "its delay must be at most 100 years",
        "its expires must be longer than its delay, or no job could start",
        "its unique.within must be longer than zero",
        "its unique.by names `user` twice",
        "its concurrency.max must be 1 to 1000000",
        "its jobs of one key run one at a time by ordered_by, so concurrency by the same",
        "its rate.max must be 1 to 1000000",
        "its rate.burst must be 1 to 1000000",
        "its rate.per must be longer than zero",
        "its tag `eu` is given twice",
        "its tag \"\" must not be empty",
    ] {
        let problem = format!("\n  - task `wrong` at src/bill.rs:9: {part}");
        assert!(problems.contains(&problem), "no {part:?} in:\n{problems}");
    }
    assert!(problems.starts_with("14 problems"), "{problems}");
}

/// Has all the time there is.
struct Patient;

impl Task for Patient {
    const NAME: &'static str = "patient";
    const OPTIONS: TaskOptions = TaskOptions::new().timeout(Duration::MAX);
    type Input = ();
    type Output = ();

    async fn run(_: &Context, (): ()) -> Result<(), TaskError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_time_that_never_comes_is_as_good_as_any() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let job = JobBuilder::<Patient>::new(())
        .enqueue(database.pool())
        .await?;
    let run = worker::<Patient>(&database)
        .cancel_grace(Duration::MAX)
        .drain_deadline(Duration::MAX);

    drain(run).await?;

    Ok(job.wait_for(database.pool(), Duration::MAX).await?)
}
