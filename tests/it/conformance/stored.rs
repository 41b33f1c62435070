//! What every driver promises about the inputs and the keys that are stored of schedules.

use anyhow::Context as _;
use pgq::driver::{
    Build, Enqueue, KnownTask, NewJob, NewKey, Schedule, ScheduleAsk, Template, Ticked, Trigger,
    WorkerId, WorkerInfo,
};
use pgq::{Conflict, INPUT_INLINE_MAX};

use super::inputs::{input_of, noise};
use super::made::{stored, tick};
use super::schedule::schedule;
use super::{Storage, TASK, conformance, one};

conformance! {
    a_look_reads_no_input,
    a_tick_takes_the_input_that_is_stored,
    a_tick_takes_the_key_that_is_stored,
    a_job_that_is_triggered_has_the_input_that_is_stored,
    a_job_that_is_triggered_is_of_the_declaration_that_was_read,
    a_job_that_takes_the_place_of_another_is_said_to,
    a_declaration_that_changes_nothing_is_no_change,
    the_last_jobs_are_remembered,
    a_schedule_is_kept_while_a_worker_lives_that_ticks_it,
}

/// A schedule of jobs of this input, which are unique if there is a key.
pub(super) fn of(name: &str, input: Vec<u8>, key: Option<(&[u8], Conflict)>) -> Schedule {
    let mut job = NewJob::new(input);
    if let Some((key, conflict)) = key {
        job = job.key(key_of(key, conflict));
    }
    Schedule {
        template: Template {
            job,
            ..Template::default()
        },
        ..schedule(name)
    }
}

fn key_of(key: &[u8], conflict: Conflict) -> NewKey {
    NewKey {
        key: key.to_vec(),
        within: None,
        conflict,
    }
}

/// Something else for an input, which nobody is to see.
fn other() -> Enqueue {
    let mut other = one();
    other.jobs = vec![NewJob::new(noise(5000))];
    other
}

async fn a_look_reads_no_input(storage: &Storage) -> anyhow::Result<()> {
    let input = noise(5000);
    let key: &[u8] = b"key";
    storage
        .make_schedule(&of("made", input.clone(), Some((key, Conflict::Skip))))
        .await?;

    let listed = storage.list_schedules(None, 10).await?.schedules;
    let looked = stored(storage, "made").await?;
    for found in listed.iter().chain([&looked]) {
        let job = &found.schedule.template.job;
        assert_eq!((job.input.len(), found.input_bytes), (0, 5000));
        assert_eq!(job.key.as_ref().map(|key| key.key.len()), Some(0));
    }
    let read = storage.schedule_input("made", looked.revision).await?;
    let read = read.context("it has no input")?;
    assert_eq!((read.input, read.key.as_deref()), (input, Some(key)));
    assert_eq!(storage.schedule_input("made", 7).await?, None);
    assert_eq!(
        storage.schedule_input("other", looked.revision).await?,
        None
    );
    Ok(())
}

async fn a_tick_takes_the_input_that_is_stored(storage: &Storage) -> anyhow::Result<()> {
    let mut imposter = noise(5);
    imposter[0] = 0xff;
    let inputs = [
        b"\x01".to_vec(),
        imposter,
        noise(INPUT_INLINE_MAX),
        noise(INPUT_INLINE_MAX + 1),
    ];
    let mut ticks = Vec::new();
    for (name, input) in ["a", "b", "c", "d"].into_iter().zip(inputs.clone()) {
        storage.make_schedule(&of(name, input, None)).await?;
        let mut tick = tick(&stored(storage, name).await?);
        (tick.enqueue, tick.is_stored) = (other(), true);
        ticks.push(tick);
    }

    let ticked = storage.driver().tick(ticks).await?;

    assert!(ticked.iter().all(|ticked| ticked.job().is_some()));
    let worker = storage.worker().await?;
    for (job, input) in worker.claim_all().await?.iter().zip(inputs) {
        assert_eq!(input_of(&worker, job).await?, input);
    }
    Ok(())
}

async fn a_tick_takes_the_key_that_is_stored(storage: &Storage) -> anyhow::Result<()> {
    let large = noise(5000);
    let key: &[u8] = b"key";
    let mut outcomes = Vec::new();
    for (name, key) in [("a", key), ("b", key), ("c", b"another")] {
        let made = of(name, large.clone(), Some((key, Conflict::Skip)));
        storage.make_schedule(&made).await?;
        let mut tick = tick(&stored(storage, name).await?);
        (tick.enqueue, tick.is_stored) = (other(), true);
        tick.enqueue.jobs[0].key = Some(Box::new(key_of(b"", Conflict::Skip)));
        outcomes.push(storage.tick(tick).await?.is_some());
    }

    assert_eq!(outcomes, [true, false, true]);
    let worker = storage.worker().await?;
    for job in &worker.claim_all().await? {
        assert_eq!(input_of(&worker, job).await?, large);
    }
    Ok(())
}

async fn a_job_that_is_triggered_has_the_input_that_is_stored(
    storage: &Storage,
) -> anyhow::Result<()> {
    let large = noise(5000);
    storage
        .make_schedule(&of("made", large.clone(), None))
        .await?;
    let first = stored(storage, "made").await?;
    let edited = of("made", b"\x02".to_vec(), None);

    storage.trigger("made", first.revision, one()).await?;
    storage.edit_schedule(&edited, first.revision).await?;
    let second = stored(storage, "made").await?;
    storage.trigger("made", second.revision, one()).await?;

    let worker = storage.worker().await?;
    let claimed = worker.claim_all().await?;
    assert_eq!(input_of(&worker, &claimed[0]).await?, large);
    assert_eq!(input_of(&worker, &claimed[1]).await?, b"\x02");
    Ok(())
}

async fn a_job_that_is_triggered_is_of_the_declaration_that_was_read(
    storage: &Storage,
) -> anyhow::Result<()> {
    let declare = async |input: &[u8]| {
        let declared = of("declared", input.to_vec(), None);
        storage.driver().declare_schedules(&[declared]).await?;
        stored(storage, "declared").await
    };
    let before = declare(b"\x01").await?;
    // At the same times, by a build whose task has another input.
    let after = declare(b"\x02").await?;

    let late = storage.trigger("declared", before.revision, one()).await?;
    let read = storage.schedule_input("declared", before.revision).await?;
    let triggered = storage.trigger("declared", after.revision, one()).await?;

    assert_eq!(before.digest, after.digest);
    assert_eq!((late, read), (None, None));
    assert!(triggered.is_some());
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;
    assert_eq!(input_of(&worker, &claimed).await?, b"\x02");
    Ok(())
}

async fn a_job_that_takes_the_place_of_another_is_said_to(storage: &Storage) -> anyhow::Result<()> {
    let made = of("made", noise(5000), Some((b"key", Conflict::Replace)));
    storage.make_schedule(&made).await?;
    let mut enqueue = one();
    enqueue.jobs[0].key = Some(Box::new(key_of(b"", Conflict::Replace)));
    let revision = stored(storage, "made").await?.revision;

    let trigger = || {
        let trigger = Trigger {
            schedule: "made",
            revision,
            requested_at: None,
        };
        storage.driver().trigger(trigger, enqueue.clone())
    };
    let first = trigger().await?;
    let second = trigger().await?;
    let mut tick = tick(&stored(storage, "made").await?);
    (tick.enqueue, tick.is_stored) = (enqueue.clone(), true);
    let third = storage.driver().tick(vec![tick]).await?;

    let job = first.job().context("it has no job")?;
    assert_eq!(first, Ticked::Enqueued(job));
    assert_eq!((second, &*third), (Ticked::Replaced(job), &[second][..]));
    assert_eq!(stored(storage, "made").await?.recent, [job]);
    assert_eq!(storage.worker().await?.claim_all().await?.len(), 1);
    Ok(())
}

async fn a_declaration_that_changes_nothing_is_no_change(storage: &Storage) -> anyhow::Result<()> {
    let own = |input: &[u8]| of("own", input.to_vec(), None);
    let last = async || -> anyhow::Result<i64> {
        let ask = ScheduleAsk {
            after: 0,
            names: &[],
            tasks: &[],
            limit: 1,
        };
        Ok(storage.changed_schedules(ask).await?.last)
    };
    storage.declare_schedules(&[own(b"\x01")]).await?;
    let first = stored(storage, "own").await?.revision;
    assert_eq!(last().await?, first);

    storage.declare_schedules(&[own(b"\x01")]).await?;
    assert_eq!(stored(storage, "own").await?.revision, first);
    assert_eq!(last().await?, first);
    storage.declare_schedules(&[own(b"\x02")]).await?;

    assert!(stored(storage, "own").await?.revision > first);
    Ok(())
}

async fn a_schedule_is_kept_while_a_worker_lives_that_ticks_it(
    storage: &Storage,
) -> anyhow::Result<()> {
    let mut made = of("made", b"\x01".to_vec(), None);
    made.template.fingerprint = Some(5);
    storage.make_schedule(&made).await?;
    let template = storage.worker().await?;
    let known = |name: &str| KnownTask {
        name: name.to_owned(),
        fingerprint: 5,
    };
    let ticks = Build {
        tasks: vec![known(TASK)],
        ticks: true,
        ..Build::default()
    };
    let is_kept = async || -> anyhow::Result<bool> {
        let listed = storage.list_schedules(None, 1).await?.schedules;
        let is_kept = stored(storage, "made").await?.is_kept;
        assert_eq!(listed[0].is_kept, is_kept);
        Ok(is_kept)
    };

    for (build, expected) in [
        (ticks.clone(), true),
        (
            Build {
                tasks: vec![known("renamed")],
                aliases: vec![TASK.to_owned()],
                inputs: Some(vec![4, 5]),
                ..ticks.clone()
            },
            true,
        ),
        (
            Build {
                inputs: Some(vec![4]),
                ..ticks.clone()
            },
            false,
        ),
        (
            Build {
                tasks: vec![known("other")],
                ..ticks.clone()
            },
            false,
        ),
        (
            Build {
                ticks: false,
                ..ticks.clone()
            },
            false,
        ),
    ] {
        let info = WorkerInfo {
            id: WorkerId::random(),
            build,
            ..template.info()
        };
        storage.register_worker(info.clone()).await?;
        let workers = storage.workers().await?;
        assert!(workers.iter().any(|worker| worker.build == info.build));

        assert_eq!(is_kept().await?, expected, "{:?}", info.build);
        storage.stop_ticking(info.id).await?;
        assert!(!is_kept().await?);
        storage.deregister_worker(info.id).await?;
    }
    Ok(())
}

async fn the_last_jobs_are_remembered(storage: &Storage) -> anyhow::Result<()> {
    storage.make_schedule(&schedule("made")).await?;
    let mut jobs = Vec::new();
    for _ in 0..12 {
        let at = stored(storage, "made").await?;
        jobs.insert(0, storage.tick(tick(&at)).await?.context("no job")?);
    }

    assert_eq!(stored(storage, "made").await?.recent, jobs[..10]);
    Ok(())
}
