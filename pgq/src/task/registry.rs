//! [`Registry`]: every task and schedule of this binary, and what is wrong with them.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pgq_cron::Expression;

use super::{Context, Registration, ScheduleDescriptor, Source, TaskDescriptor};
use crate::job::{INPUT_MAX, Retain};
use crate::queue::name_problem;

/// The tasks and schedules that one worker knows.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    tasks: BTreeMap<&'static str, TaskDescriptor>,
    schedules: BTreeMap<&'static str, ScheduleDescriptor>,
    problems: Vec<Problem>,
}

/// Something wrong with the tasks of this binary, found before the first claim.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// There is no task at all.
    NoTasks,
    /// Two tasks have one name.
    DuplicateTask {
        /// The name.
        task: &'static str,
        /// Where the first is written.
        first: Source,
        /// Where the second is written.
        second: Source,
    },
    /// A task takes a value by reference that was not given.
    MissingState {
        /// The name of the task.
        task: &'static str,
        /// The type.
        type_name: &'static str,
        /// Where the task is written.
        source: Source,
    },
    /// A task waits in a queue that this worker does not serve.
    QueueNotServed {
        /// The name of the task.
        task: &'static str,
        /// Its queue.
        queue: &'static str,
        /// Where the task is written.
        source: Source,
    },
    /// A name or a number of a task is out of its range.
    InvalidTask {
        /// The name of the task.
        task: &'static str,
        /// What is wrong with it.
        problem: String,
        /// Where the task is written.
        source: Source,
    },
    /// A setting of the worker is out of its range.
    InvalidSetting {
        /// The method that sets it.
        setting: String,
        /// What is allowed.
        problem: String,
    },
    /// The cron expression of a schedule is not one.
    InvalidSchedule {
        /// The name of the schedule.
        schedule: &'static str,
        /// What is wrong with it.
        problem: String,
        /// Where the schedule is written.
        source: Source,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTasks => f.write_str(
                "no task is linked into this binary; add `use my_tasks as _;` for the crate that \
                 holds the tasks, or mark an async fn with `#[pgq::task]`",
            ),
            Self::DuplicateTask {
                task,
                first,
                second,
            } => write!(
                f,
                "two tasks are named `{task}`: at {first} and at {second}; give one of them \
                 another name with `name = \"…\"`",
            ),
            Self::MissingState {
                task,
                type_name,
                source,
            } => write!(
                f,
                "task `{task}` at {source} takes `&{type_name}`, which was not given; add \
                 `.state(…)` with a value of that type",
            ),
            Self::QueueNotServed {
                task,
                queue,
                source,
            } => write!(
                f,
                "task `{task}` at {source} waits in queue `{queue}`, which this worker does not \
                 serve; add `.queue(\"{queue}\")`, or `.served_elsewhere(\"{queue}\")` if another \
                 worker does",
            ),
            Self::InvalidTask {
                task,
                problem,
                source,
            } => {
                write!(f, "task `{task}` at {source}: {problem}")
            }
            Self::InvalidSetting { setting, problem } => {
                write!(f, "setting `{setting}`: {problem}")
            }
            Self::InvalidSchedule {
                schedule,
                problem,
                source,
            } => {
                write!(f, "schedule `{schedule}` at {source}: {problem}")
            }
        }
    }
}

/// Everything that is wrong with the tasks of this binary, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems, in the order of their tasks' names.
    #[must_use]
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{count} problem{plural} before the start:")?;
        self.0
            .iter()
            .try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

impl std::error::Error for Problems {}

impl Registry {
    /// How long what is left of the jobs of these tasks is kept.
    pub(crate) fn retains(&self) -> Vec<Retain> {
        self.tasks
            .values()
            .map(|task| task.options.retain)
            .collect()
    }

    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that the macros registered in the crates that are linked into this binary.
    #[must_use]
    pub fn linked() -> Self {
        let mut registry = Self::new();
        for registration in inventory::iter::<Registration> {
            registry.add(*registration);
        }
        registry
    }

    /// Adds a task or a schedule.
    pub fn add(&mut self, registration: Registration) {
        match registration {
            Registration::Task(task) => self.add_task(task),
            Registration::Schedule(schedule) => self.add_schedule(schedule),
        }
    }

    fn add_task(&mut self, task: TaskDescriptor) {
        if let Some(first) = self.tasks.get(task.name) {
            self.problems.push(Problem::DuplicateTask {
                task: task.name,
                first: first.source,
                second: task.source,
            });
            return;
        }
        let problems = invalid_options(&task)
            .into_iter()
            .map(|problem| Problem::InvalidTask {
                task: task.name,
                problem,
                source: task.source,
            });
        self.problems.extend(problems);
        self.tasks.insert(task.name, task);
    }

    fn add_schedule(&mut self, schedule: ScheduleDescriptor) {
        if let Err(error) = Expression::parse(schedule.expression) {
            self.problems.push(Problem::InvalidSchedule {
                schedule: schedule.name,
                problem: error.to_string(),
                source: schedule.source,
            });
        }
        self.schedules.insert(schedule.name, schedule);
    }

    /// The task of that name.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&TaskDescriptor> {
        self.tasks.get(name)
    }

    /// Every task, by name.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskDescriptor> {
        self.tasks.values()
    }

    /// Every schedule, by name.
    pub fn schedules(&self) -> impl Iterator<Item = &ScheduleDescriptor> {
        self.schedules.values()
    }

    /// Checks everything that only start-up can see. `given` are the types of the shared values;
    /// `served` says whether a queue is served here or is known to be served by another worker;
    /// `settings` is what is wrong besides.
    ///
    /// # Errors
    ///
    /// Returns every problem at once.
    pub(crate) fn check(
        &self,
        given: &BTreeSet<TypeId>,
        served: impl Fn(&str) -> bool,
        settings: Vec<Problem>,
    ) -> Result<(), Problems> {
        let mut problems = settings;
        problems.extend(self.problems.iter().cloned());
        if self.tasks.is_empty() {
            problems.push(Problem::NoTasks);
        }
        for task in self.tasks.values() {
            let missing = (task.injected)().into_iter().filter(|injected| {
                injected.type_id != TypeId::of::<Context>() && !given.contains(&injected.type_id)
            });
            problems.extend(missing.map(|injected| Problem::MissingState {
                task: task.name,
                type_name: injected.type_name,
                source: task.source,
            }));
            if !served(task.options.queue) {
                problems.push(Problem::QueueNotServed {
                    task: task.name,
                    queue: task.options.queue,
                    source: task.source,
                });
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Problems(problems))
        }
    }
}

fn invalid_options(task: &TaskDescriptor) -> Vec<String> {
    use crate::queue::{ATTEMPTS_MAX, PRIORITY_MAX};

    let options = &task.options;
    let mut problems = Vec::new();
    problems.extend(name_problem(task.name).map(|problem| format!("its name {problem}")));
    problems.extend(name_problem(options.queue).map(|problem| format!("its queue {problem}")));
    if !(0..=PRIORITY_MAX).contains(&options.priority) {
        problems.push(format!("its priority must be 0 to {PRIORITY_MAX}"));
    }
    if !(1..=ATTEMPTS_MAX).contains(&options.max_attempts) {
        problems.push(format!("its max_attempts must be 1 to {ATTEMPTS_MAX}"));
    }
    if options.input_max.is_some_and(|bytes| bytes > INPUT_MAX) {
        problems.push(format!("its input_max must be at most {INPUT_MAX} bytes"));
    }
    if options.timeout.is_some_and(|timeout| timeout.is_zero()) {
        problems.push("its timeout must be longer than zero".to_owned());
    }
    problems
}
