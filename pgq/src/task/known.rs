//! [`KnownSchedule`].

use pgq_cron::Timetable;

use super::{Registry, ScheduleDescriptor, TaskDescriptor};
use crate::driver::{Enqueue, NewJob, Schedule, Start, Template};
use crate::queue::name_problem;

/// A schedule that can tick: nothing is left that could fail then.
#[derive(Clone, Debug)]
pub(crate) struct KnownSchedule {
    pub(crate) descriptor: ScheduleDescriptor,
    pub(crate) timetable: Timetable,
    pub(crate) input: Vec<u8>,
}

impl KnownSchedule {
    /// Reads a schedule, or says everything that is wrong with it.
    pub(super) fn read(descriptor: ScheduleDescriptor) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        problems.extend(name_problem(descriptor.name).map(|problem| format!("its name {problem}")));
        problems.extend(descriptor.policy.problem().map(str::to_owned));
        let timetable = descriptor.timing.timetable();
        let timetable = timetable.and_then(|timetable| descriptor.dates.bound(timetable));
        let input = (descriptor.input)().map_err(|error| format!("its input: {error}"));
        match (timetable, input) {
            (Ok(timetable), Ok(input)) if problems.is_empty() => Ok(Self {
                descriptor,
                timetable,
                input,
            }),
            (timetable, input) => {
                problems.extend(timetable.err());
                problems.extend(input.err());
                Err(problems)
            }
        }
    }

    /// How it is declared, with what its jobs are if that matters.
    pub(crate) fn declared(&self, task: Option<&TaskDescriptor>) -> Schedule {
        Schedule {
            name: self.descriptor.name.to_owned(),
            task: self.descriptor.task.to_owned(),
            expression: self.descriptor.timing.to_string(),
            zone: self.descriptor.timing.zone().to_owned(),
            starts_at: self.timetable.starts_at(),
            ends_at: self.timetable.ends_at(),
            policy: self.descriptor.policy,
            template: task
                .map_or_else(Template::default, |task| template(task, self.input.clone())),
        }
    }

    /// What tells its declaration from that of another build.
    pub(crate) fn digest(&self) -> i64 {
        self.declared(None).digest()
    }
}

/// What the jobs of a task are if they have this input, as an enqueue of the task would have them.
pub(crate) fn template(task: &TaskDescriptor, input: Vec<u8>) -> Template {
    let mut detail = task.options.detail();
    // The input of a declared schedule is a map if the parameters of its task are named: it was checked.
    let _ = task.options.add_keys(task.key_name(), &input, &mut detail);
    let unique = task.options.unique;
    let key = unique.and_then(|unique| unique.of_input(task.key_name(), &input).ok());
    let mut job = NewJob::new(input).detail(detail);
    job.key = key.map(Box::new);
    Template {
        queue: task.options.queue.to_owned(),
        priority: task.options.priority,
        max_attempts: task.options.max_attempts,
        fingerprint: Some((task.fingerprint)()),
        job,
    }
}

/// One of the jobs of a schedule, with the keys by which its task is limited now: it may not have been when the
/// schedule was made, or whoever made it may not have known the task.
pub(crate) fn job_of(registry: &Registry, schedule: &Schedule, start: Start) -> Enqueue {
    let mut enqueue = schedule.enqueue(start);
    if let Some(task) = registry.task(&schedule.task) {
        for job in &mut enqueue.jobs {
            let mut detail = job.detail.take().unwrap_or_default();
            // A job whose input cannot be read has no keys; its attempt fails for that.
            let _ = task
                .options
                .add_keys(task.key_name(), &job.input, &mut detail);
            job.detail = (!detail.is_empty()).then_some(detail);
        }
    }
    enqueue
}
