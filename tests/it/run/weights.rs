//! In which order a worker takes jobs: by the weights of queues, by priority, and by age.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pgq::{Context, Queue};

use super::both::{Place, on_both_drivers};
use super::drain;

on_both_drivers! {
    queues_with_jobs_share_a_worker_by_their_weights,
    what_a_queue_does_not_need_the_others_get,
    jobs_of_a_low_priority_starve_without_ageing,
}

/// How many jobs each queue has.
const JOBS: usize = 200;

/// The queues whose jobs have started.
#[derive(Default)]
struct Started(Mutex<Vec<String>>);

impl Started {
    fn of(&self, queue: &str, first: usize) -> usize {
        let started = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = started.iter().take(first);
        first.filter(|started| *started == queue).count()
    }
}

#[pgq::task]
async fn share_out(context: &Context, started: &Arc<Started>) {
    let mut started = started.0.lock().unwrap_or_else(PoisonError::into_inner);
    started.push(context.queue().to_owned());
}

async fn run(place: &Place, queues: [&'static str; 2]) -> anyhow::Result<Arc<Started>> {
    for queue in queues {
        for _ in 0..JOBS {
            share_out::job().queue(queue).enqueue(&place.driver).await?;
        }
    }
    let started = Arc::new(Started::default());
    let run = place
        .worker::<share_out>()
        .state(Arc::clone(&started))
        .concurrency(1)
        .queue(Queue::new("heavy").weight(3))
        .queue("light")
        .served_elsewhere("default");
    drain(run).await?;
    Ok(started)
}

async fn queues_with_jobs_share_a_worker_by_their_weights(place: &Place) -> anyhow::Result<()> {
    let started = run(place, ["light", "heavy"]).await?;

    // Until the heavy one is empty, it starts three jobs of four.
    let heavy = started.of("heavy", JOBS);
    assert!((140..=160).contains(&heavy), "{heavy} of {JOBS}");
    assert_eq!(started.of("light", 2 * JOBS), JOBS);
    Ok(())
}

async fn what_a_queue_does_not_need_the_others_get(place: &Place) -> anyhow::Result<()> {
    let started = run(place, ["light", "light"]).await?;

    assert_eq!(started.of("light", 2 * JOBS), 2 * JOBS);
    Ok(())
}

#[pgq::task]
async fn rank(started: &Arc<Started>, name: String) {
    let mut started = started.0.lock().unwrap_or_else(PoisonError::into_inner);
    started.push(name);
}

/// Runs one job of the lowest priority behind many of the highest; returns how many of those started
/// before it.
async fn overtaken(place: &Place, queue: Queue) -> anyhow::Result<usize> {
    let started = Arc::new(Started::default());
    for _ in 0..JOBS {
        let high = rank::job("high".to_owned()).priority(9);
        high.enqueue(&place.driver).await?;
    }
    let low = rank::job("low".to_owned()).priority(0);
    low.enqueue(&place.driver).await?;

    let run = place.worker::<rank>().state(Arc::clone(&started));
    drain(run.concurrency(1).queue(queue)).await?;

    let started = started.0.lock().unwrap_or_else(PoisonError::into_inner);
    let first = started.iter().position(|name| name == "low");
    Ok(first.unwrap_or_default())
}

async fn jobs_of_a_low_priority_starve_without_ageing(place: &Place) -> anyhow::Result<()> {
    assert_eq!(overtaken(place, Queue::new("default")).await?, JOBS);

    let ageing = Queue::new("default").ageing(Duration::from_micros(9));
    let overtaken = overtaken(place, ageing).await?;
    assert!(overtaken < JOBS / 2, "{overtaken} of {JOBS}");
    Ok(())
}
