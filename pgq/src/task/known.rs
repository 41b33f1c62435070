//! [`KnownSchedule`].

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pgq_cron::Timetable;

use super::{ScheduleDescriptor, TaskDescriptor, TaskOptions};
use crate::driver::{Detail, Enqueue, NewJob, NewKey, Schedule, Start, Template};
use crate::job::is_json;
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
            template: task.map_or_else(Template::default, |task| {
                template(task, self.descriptor.task, self.input.clone())
            }),
        }
    }

    /// What tells its declaration from that of another build.
    pub(crate) fn digest(&self) -> i64 {
        self.declared(None).digest()
    }
}

/// By which keys a job goes whose enqueuer did not have the code of its task: in the detail, and, if `compares`,
/// by what it is the same as others.
pub(crate) fn keys_of(
    task: &TaskDescriptor,
    input: &[u8],
    compares: bool,
) -> (Detail, Option<NewKey>) {
    let (options, name) = (&task.options, task.key_name());
    let input = rewritten(task, input);
    let mut detail = Detail::default();
    // A job whose input cannot be read has no keys; its attempt fails for that.
    let _ = options.add_keys(name, &input, &mut detail);
    let unique = options.unique.filter(|_| compares);
    let key = unique.and_then(|unique| unique.of_input(name, &input).ok());
    (detail, key)
}

/// What the jobs of a task are if they have this input, as an enqueue of the task would have them. `name` is
/// the one of its names that they carry.
pub(crate) fn template(task: &TaskDescriptor, name: &str, input: Vec<u8>) -> Template {
    let mut template = Template {
        job: NewJob::new(Vec::new()),
        ..Template::default()
    };
    fill(task, name, &mut template, &input);
    template.job.input = input;
    template
}

/// Says what a template leaves to its task.
fn fill(task: &TaskDescriptor, name: &str, template: &mut Template, input: &[u8]) {
    let options = &task.options;
    // Keys go by the bytes of values, and whoever does not know the task writes others for the same.
    let has_keys = options.is_keyed() || options.unique.is_some();
    let input = match has_keys && is_json(input) {
        true => Cow::Owned(rewritten(task, input)),
        false => Cow::Borrowed(input),
    };
    limit(task, template, &input);
    if template.fingerprint.is_none() {
        describe(task, name, template, &input);
    }
    template
        .queue
        .get_or_insert_with(|| options.queue.to_owned());
    template.priority.get_or_insert(options.priority);
    template.max_attempts.get_or_insert(options.max_attempts);
}

/// An input as an enqueue of its task would write it; as it is, if the task does not take it.
fn rewritten(task: &TaskDescriptor, input: &[u8]) -> Vec<u8> {
    let written = catch_unwind(AssertUnwindSafe(|| task.rewrite_input(input)));
    written.ok().flatten().unwrap_or_else(|| input.to_owned())
}

/// Says by which keys jobs of this input are limited now: they may not have been when the schedule was made, or
/// whoever made it may not have known the task.
fn limit(task: &TaskDescriptor, template: &mut Template, input: &[u8]) {
    let mut detail = template.job.detail.take().unwrap_or_default();
    (detail.concurrency_key, detail.order_key, detail.rate_key) = (None, None, None);
    // A job whose input cannot be read has no keys; its attempt fails for that.
    let _ = task.options.add_keys(task.key_name(), input, &mut detail);
    template.job.detail = (!detail.is_empty()).then_some(detail);
}

/// Says what whoever made the schedule did not know of the task.
fn describe(task: &TaskDescriptor, name: &str, template: &mut Template, input: &[u8]) {
    let options = &task.options;
    let own = options.detail();
    let mut detail = template.job.detail.take().unwrap_or_default();
    detail.expires = detail.expires.or(own.expires);
    for tag in own.tags {
        if !detail.tags.contains(&tag) {
            detail.tags.push(tag);
        }
    }
    template.job.detail = (!detail.is_empty()).then_some(detail);
    if template.job.key.is_none() {
        let unique = options.unique;
        let key = unique.and_then(|unique| unique.of_input(task.key_name(), input).ok());
        template.job.key = key.map(Box::new);
    }
    template.fingerprint = Some(fingerprint_of(task, name));
}

/// The fingerprint of a task's jobs that carry that one of its names. One of an alias has its own, so that
/// builds which know no other name run the job as well; to make it takes long, and that of the task is known.
fn fingerprint_of(task: &TaskDescriptor, name: &str) -> i64 {
    match name == task.name() {
        true => task.fingerprint(),
        false => (task.shape)().fingerprint(name),
    }
}

/// Whether the keys of the jobs of a stored schedule are made of their input.
pub(crate) fn needs_input(task: &TaskDescriptor, schedule: &Schedule) -> bool {
    let Template {
        fingerprint, job, ..
    } = &schedule.template;
    let is_unsaid = fingerprint.is_none() && job.key.is_none();
    task.options.is_keyed() || is_unsaid && task.options.unique.is_some()
}

/// Whether only who knows the task can say what the jobs of a stored schedule are.
pub(crate) fn needs_task(schedule: &Schedule) -> bool {
    let Template {
        queue,
        priority,
        max_attempts,
        fingerprint,
        ..
    } = &schedule.template;
    queue.is_none() || priority.is_none() || max_attempts.is_none() || fingerprint.is_none()
}

/// One of the jobs of a stored schedule, without its input. `input` is that, if they [need](needs_input) it.
pub(crate) fn job_of(
    task: Option<&TaskDescriptor>,
    schedule: &Schedule,
    input: &[u8],
    start: Start,
) -> Enqueue {
    let mut template = schedule.template.clone();
    if let Some(task) = task {
        fill(task, &schedule.task, &mut template, input);
    }
    enqueue(schedule.task.clone(), template, start)
}

/// The job of a template. If that still leaves something to its task, it is as of a task that says nothing.
pub(crate) fn enqueue(task: String, template: Template, start: Start) -> Enqueue {
    let options = TaskOptions::new();
    Enqueue {
        task: Cow::Owned(task),
        queue: template
            .queue
            .map_or(Cow::Borrowed(options.queue), Cow::Owned),
        priority: template.priority.unwrap_or(options.priority),
        max_attempts: template.max_attempts.unwrap_or(options.max_attempts),
        fingerprint: template.fingerprint,
        start,
        durability: options.durability,
        jobs: vec![template.job],
    }
}
