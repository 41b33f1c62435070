//! What every driver promises about inputs that are kept apart from their jobs.

use std::time::Duration;

use pgq::driver::{
    ClaimedInput, ClaimedJob, End, Enqueue, HeldInput, NewJob, Schedule, Start, Tick,
};
use pgq::{INPUT_INLINE_MAX, JobId, Overlap};

use super::{LONG, SHORT, Storage, Worker, enqueue_conformance, jobs, one};

enqueue_conformance! {
    an_input_is_kept_apart_from_a_certain_size_on,
    any_bytes_can_be_kept_apart,
    small_and_large_inputs_keep_their_order,
    a_scheduled_input_is_kept_apart,
    the_input_of_a_tick_is_kept_apart,
    a_large_input_outlives_every_change_of_state,
    inputs_are_read_under_the_claim_that_holds_them,
    several_inputs_are_read_at_once,
    reading_no_input_is_no_error,
    the_input_of_a_job_is_found_in_every_state,
}

/// Bytes that no compression makes smaller, so that they are as large for the storage as they look.
pub(super) fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    })
    .take(bytes)
    .collect()
}

fn large() -> Vec<u8> {
    noise(100_000)
}

fn enqueue(inputs: Vec<Vec<u8>>) -> Enqueue {
    let jobs = inputs.into_iter().map(NewJob::new).collect();
    Enqueue { jobs, ..one() }
}

/// What the storage has of the input of a job, under a claim.
async fn read(worker: &Worker<'_>, job: JobId, claim: i64) -> anyhow::Result<Vec<HeldInput>> {
    Ok(worker.storage.inputs(worker.id, &[(job, claim)]).await?)
}

/// The input of a job that was claimed, wherever it is.
pub(super) async fn input_of(worker: &Worker<'_>, job: &ClaimedJob) -> anyhow::Result<Vec<u8>> {
    let bytes = match &job.input {
        ClaimedInput::Here(input) => return Ok(input.clone()),
        ClaimedInput::Apart { bytes } => *bytes,
    };
    let mut held = read(worker, job.id, job.claim).await?;
    let input = held.pop().and_then(|held| held.input).unwrap_or_default();
    anyhow::ensure!(input.len() == bytes, "{} and not {bytes}", input.len());
    Ok(input)
}

async fn an_input_is_kept_apart_from_a_certain_size_on(storage: &Storage) -> anyhow::Result<()> {
    let (small, large) = (noise(INPUT_INLINE_MAX), noise(INPUT_INLINE_MAX + 1));
    storage
        .enqueue(enqueue(vec![small.clone(), large.clone()]))
        .await?;

    let worker = storage.worker().await?;
    let claimed = worker.claim_all().await?;

    assert_eq!(claimed[0].input, ClaimedInput::Here(small));
    let bytes = large.len();
    assert_eq!(claimed[1].input, ClaimedInput::Apart { bytes });
    assert_eq!(input_of(&worker, &claimed[1]).await?, large);
    Ok(())
}

/// Also bytes that look like something of the storage's own.
async fn any_bytes_can_be_kept_apart(storage: &Storage) -> anyhow::Result<()> {
    let inputs: Vec<Vec<u8>> = (0..=255).map(|first| vec![first, 0, 0, 0, 7]).collect();
    storage.enqueue(enqueue(inputs.clone())).await?;

    let worker = storage.worker().await?;
    for (job, expected) in worker.claim_all().await?.iter().zip(inputs) {
        assert_eq!(input_of(&worker, job).await?, expected);
    }
    Ok(())
}

async fn small_and_large_inputs_keep_their_order(storage: &Storage) -> anyhow::Result<()> {
    let sizes = [1, 5000, 2, 3, 90_000, 4, 2000];
    let inputs: Vec<Vec<u8>> = sizes.map(noise).to_vec();

    let ids = storage.enqueue(enqueue(inputs.clone())).await?;

    let worker = storage.worker().await?;
    let claimed = worker.claim_all().await?;
    assert!(ids.is_sorted(), "{ids:?}");
    assert_eq!(super::ids(&claimed), ids);
    for (job, expected) in claimed.iter().zip(inputs) {
        assert_eq!(input_of(&worker, job).await?, expected);
    }
    Ok(())
}

async fn a_scheduled_input_is_kept_apart(storage: &Storage) -> anyhow::Result<()> {
    let inputs = vec![noise(3), large()];
    let ids = storage
        .enqueue(Enqueue {
            start: Start::After(SHORT),
            ..enqueue(inputs.clone())
        })
        .await?;
    storage.pass(SHORT).await?;
    storage.promote(10).await?;

    let worker = storage.worker().await?;
    let claimed = worker.claim_all().await?;

    assert_eq!(super::ids(&claimed), ids);
    for (job, expected) in claimed.iter().zip(inputs) {
        assert_eq!(input_of(&worker, job).await?, expected);
    }
    Ok(())
}

async fn the_input_of_a_tick_is_kept_apart(storage: &Storage) -> anyhow::Result<()> {
    let schedule = Schedule {
        name: "hourly".to_owned(),
        task: super::TASK.to_owned(),
        expression: "@hourly".to_owned(),
        zone: "UTC".to_owned(),
        starts_at: None,
        ends_at: None,
        policy: pgq::driver::Policy::default(),
        template: pgq::driver::Template::default(),
    };
    storage
        .declare_schedules(std::slice::from_ref(&schedule))
        .await?;
    let previous = storage.schedules(&["hourly".to_owned()]).await?.schedules[0].last_tick;
    let tick = Tick {
        digest: schedule.digest(),
        schedule: schedule.name,
        previous,
        at: previous + Duration::from_secs(3600),
        overlap: Overlap::Allow,
        enqueue: enqueue(vec![large()]),
        is_stored: false,
    };

    let first = storage.tick(tick.clone()).await?;
    let second = storage.tick(tick).await?;

    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;
    assert_eq!((first, second), (Some(claimed.id), None));
    assert_eq!(input_of(&worker, &claimed).await?, large());
    Ok(())
}

async fn a_large_input_outlives_every_change_of_state(storage: &Storage) -> anyhow::Result<()> {
    storage.enqueue(enqueue(vec![large()])).await?;

    for end in [End::Retry(Duration::ZERO), End::Release(Duration::ZERO)] {
        let worker = storage.worker().await?;
        let claimed = worker.claim_one().await?;
        worker.end(&claimed, end).await?;
        storage.promote(10).await?;
    }
    let dead = storage.worker().await?;
    dead.claim_one().await?;
    dead.die().await?;
    storage.rescue(5).await?;
    let leaving = storage.worker().await?;
    leaving.claim_one().await?;
    storage.deregister_worker(leaving.id).await?;

    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;
    assert_eq!(claimed.deliveries, 5);
    assert_eq!(input_of(&worker, &claimed).await?, large());
    Ok(())
}

async fn inputs_are_read_under_the_claim_that_holds_them(storage: &Storage) -> anyhow::Result<()> {
    storage.enqueue(enqueue(vec![large()])).await?;
    let (first, other) = (storage.worker().await?, storage.worker().await?);
    let lost = first.claim_one().await?;
    first.end(&lost, End::Release(Duration::ZERO)).await?;
    let given_back = read(&first, lost.id, lost.claim).await?;
    let held = first.claim_one().await?;

    assert_eq!(given_back, []);
    assert_eq!(read(&first, lost.id, lost.claim).await?, []);
    assert_eq!(read(&other, held.id, held.claim).await?, []);
    assert_eq!(input_of(&first, &held).await?, large());
    first.complete(&held).await?;
    assert_eq!(read(&first, held.id, held.claim).await?, []);
    Ok(())
}

async fn several_inputs_are_read_at_once(storage: &Storage) -> anyhow::Result<()> {
    let inputs: Vec<Vec<u8>> = (2000..2010).map(noise).collect();
    storage.enqueue(enqueue(inputs.clone())).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_all().await?;

    let mut wanted: Vec<_> = claimed.iter().map(|job| (job.id, job.claim)).collect();
    wanted.insert(3, (JobId::from_i64(-1), 1));
    wanted[7].1 += 1;
    let mut held = storage.inputs(worker.id, &wanted).await?;

    held.sort_by_key(|held| held.job);
    let mut expected: Vec<_> = claimed.iter().zip(inputs).collect();
    expected.remove(6);
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(job, input)| HeldInput {
            job: job.id,
            input: Some(input),
        })
        .collect();
    assert_eq!(held, expected);
    Ok(())
}

async fn reading_no_input_is_no_error(storage: &Storage) -> anyhow::Result<()> {
    storage.enqueue(jobs([b"small"])).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;

    assert_eq!(storage.inputs(worker.id, &[]).await?, []);
    // One that came with its job is not kept apart; asking for it does no harm.
    storage
        .inputs(worker.id, &[(claimed.id, claimed.claim)])
        .await?;
    Ok(())
}

async fn the_input_of_a_job_is_found_in_every_state(storage: &Storage) -> anyhow::Result<()> {
    let mut imposter = noise(5);
    imposter[0] = 0xff;
    let worker = storage.worker().await?;
    for input in [noise(5), imposter, large()] {
        let job = NewJob::new(input.clone());
        let ended = [End::Failed, End::Retry(LONG)];
        for end in ended {
            let id = storage
                .put(Enqueue {
                    jobs: vec![job.clone()],
                    ..one()
                })
                .await?;
            let found = async || Ok::<_, anyhow::Error>(storage.input(id).await?);
            assert!(found().await?.as_ref() == Some(&input), "ready");
            let claimed = worker.claim_one().await?;
            assert!(found().await?.as_ref() == Some(&input), "running");
            worker.end(&claimed, end).await?;
            assert!(found().await?.as_ref() == Some(&input), "ended");
        }
    }
    assert_eq!(storage.input(JobId::from_i64(404)).await?, None);
    Ok(())
}
