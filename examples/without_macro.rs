//! A task that is written by hand, and a worker that is told its tasks: nothing happens before
//! `main`.
//!
//! `cargo run --example without_macro`

use std::time::Duration;

use pgq::{Backoff, Context, Injected, JobBuilder, Registry, Run, Task, TaskError, TaskOptions};
use pgq_examples::Database;
use serde::{Deserialize, Serialize};

/// Shared by all jobs.
struct Rates {
    cents_per_km: u64,
}

/// The input of a job. It is stored by the names of its fields.
#[derive(Serialize, Deserialize)]
struct Ride {
    km: u64,
}

/// What `#[pgq::task]` would write beside `async fn bill(rates: &Rates, ride: Ride)`.
enum Bill {}

impl Task for Bill {
    const NAME: &'static str = "rides/bill";
    // Rows that were enqueued when the task had another name are run, too.
    const ALIASES: &'static [&'static str] = &["bill_ride"];
    const OPTIONS: TaskOptions = TaskOptions::new()
        .queue("rides")
        .max_attempts(5)
        .timeout(Duration::from_secs(10))
        .backoff(Backoff::fixed(Duration::from_secs(30)));
    // Another number whenever the stored input is of another shape.
    type Input = Ride;
    type Output = u64;

    // Checked before the first claim.
    fn injected() -> Vec<Injected> {
        vec![Injected::of::<Rates>()]
    }

    async fn run(context: &Context, ride: Ride) -> Result<u64, TaskError> {
        let rates: &Rates = context.state()?;
        println!("{} of {} km", context.job_id(), ride.km);
        Ok(ride.km * rates.cents_per_km)
    }
}

/// The macro without its registration: the worker below names the task.
#[pgq::task(queue = "rides", register = false)]
async fn tidy() {
    println!("tidied");
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;

    let ride = JobBuilder::<Bill>::new(Ride { km: 12 })
        .priority(5)
        .enqueue(&pgq)
        .await?;
    let rides = [3, 4].map(|km| Ride { km });
    let rides = pgq::enqueue_many::<Bill>(&pgq, rides).await?;
    tidy::enqueue(&pgq).await?;

    // It knows these tasks, whatever else is linked into the program.
    Run::new(Registry::new().with::<Bill>().with::<tidy>())
        .url(database.url())
        .state(Rates { cents_per_km: 150 })
        .until_idle()
        .await?;

    for job in rides.into_iter().chain([ride]) {
        println!("job {} costs {} cents", job.id(), job.wait(&pgq).await?);
    }
    Ok(())
}
