//! In which order a worker takes jobs: by the weights of queues, by priority, and by age.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pgq::{Context, Queue};
use pgq_tests::eventually;
use tokio::sync::Semaphore;

use super::both::{Place, on_both_drivers};
use super::drain;

on_both_drivers! {
    queues_with_jobs_share_a_worker_by_their_weights,
    what_a_queue_does_not_need_the_others_get,
    what_a_queue_at_its_limit_cannot_use_the_others_get,
    jobs_of_a_low_priority_starve_without_ageing,
}

/// How many jobs each queue has.
const JOBS: usize = 200;

/// How many of them run at once.
const SLOTS: usize = 40;

/// The jobs that have started, by the names of their queues or their own.
#[derive(Default)]
struct Started(Mutex<Vec<String>>);

impl Started {
    fn add(&self, name: &str) {
        let mut started = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        started.push(name.to_owned());
    }

    fn names(&self) -> Vec<String> {
        let started = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        started.clone()
    }
}

/// Runs until it is allowed to end.
#[pgq::task]
async fn share_out(
    context: &Context,
    started: &Arc<Started>,
    gate: &Arc<Semaphore>,
) -> anyhow::Result<()> {
    started.add(context.queue());
    gate.acquire().await?.forget();
    Ok(())
}

/// Puts jobs in these queues, and returns how many of the first ones to start were of the heavy one.
async fn heavy_ones(
    place: &Place,
    heavy: Queue,
    queues: [&'static str; 2],
) -> anyhow::Result<usize> {
    for queue in queues {
        for _ in 0..JOBS {
            share_out::job().queue(queue).enqueue(&place.driver).await?;
        }
    }
    let (started, gate) = (Arc::<Started>::default(), Arc::new(Semaphore::new(0)));
    let run = place
        .worker::<share_out>()
        .state(Arc::clone(&started))
        .state(Arc::clone(&gate))
        .concurrency(SLOTS)
        .queue(heavy.weight(3))
        .queue("light")
        .served_elsewhere("default");
    let running = tokio::spawn(drain(run));
    eventually("every slot is taken", || async {
        Ok(started.names().len() == SLOTS)
    })
    .await?;
    let heavy = started
        .names()
        .iter()
        .filter(|name| *name == "heavy")
        .count();
    gate.add_permits(2 * JOBS);
    assert_eq!(running.await??.completed, 2 * JOBS as u64);
    Ok(heavy)
}

async fn queues_with_jobs_share_a_worker_by_their_weights(place: &Place) -> anyhow::Result<()> {
    let heavy = heavy_ones(place, Queue::new("heavy"), ["light", "heavy"]).await?;

    assert!((29..=31).contains(&heavy), "{heavy} of {SLOTS}");
    Ok(())
}

async fn what_a_queue_does_not_need_the_others_get(place: &Place) -> anyhow::Result<()> {
    let heavy = heavy_ones(place, Queue::new("heavy"), ["light", "light"]).await?;

    assert_eq!(heavy, 0);
    Ok(())
}

async fn what_a_queue_at_its_limit_cannot_use_the_others_get(place: &Place) -> anyhow::Result<()> {
    let heavy = Queue::new("heavy").concurrency(2);

    assert_eq!(heavy_ones(place, heavy, ["light", "heavy"]).await?, 2);
    Ok(())
}

#[pgq::task]
async fn rank(started: &Arc<Started>, name: String) {
    started.add(&name);
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

    let first = started.names().iter().position(|name| name == "low");
    Ok(first.unwrap_or_default())
}

async fn jobs_of_a_low_priority_starve_without_ageing(place: &Place) -> anyhow::Result<()> {
    assert_eq!(overtaken(place, Queue::new("default")).await?, JOBS);

    let ageing = Queue::new("default").ageing(Duration::from_micros(9));
    let overtaken = overtaken(place, ageing).await?;
    assert!(overtaken < JOBS / 2, "{overtaken} of {JOBS}");
    Ok(())
}
