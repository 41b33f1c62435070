//! [`Registry`]: every task and schedule of this binary, and what is wrong with them.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{
    Context, KnownSchedule, Registration, ScheduleDescriptor, Source, Task, TaskDescriptor, invalid,
};
use crate::job::INPUT_MAX;

/// The tasks and schedules that one worker knows.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    tasks: BTreeMap<&'static str, TaskDescriptor>,
    /// The task of each alias.
    aliases: BTreeMap<&'static str, &'static str>,
    schedules: BTreeMap<&'static str, KnownSchedule>,
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
    /// A task has an alias that is the name or an alias of another one.
    DuplicateAlias {
        /// The alias.
        alias: &'static str,
        /// The tasks that are known by it.
        tasks: [&'static str; 2],
        /// Where they are written.
        sources: [Source; 2],
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
    /// Two schedules have one name.
    DuplicateSchedule {
        /// The name.
        schedule: &'static str,
        /// Where the first is written.
        first: Source,
        /// Where the second is written.
        second: Source,
    },
    /// The expression, the time zone, the policy, the name or the input of a schedule is not one.
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
            Self::DuplicateAlias {
                alias,
                tasks: [first, second],
                sources: [first_source, second_source],
            } => write!(
                f,
                "jobs named `{alias}` belong to two tasks: `{first}` at {first_source} and \
                 `{second}` at {second_source}; remove `{alias}` from the aliases of one of them",
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
            Self::DuplicateSchedule {
                schedule,
                first,
                second,
            } => write!(
                f,
                "two schedules are named `{schedule}`: at {first} and at {second}; give one of \
                 them another name",
            ),
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

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
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

    /// Adds a task, and returns the registry.
    #[must_use]
    #[track_caller]
    pub fn with<T: Task>(mut self) -> Self {
        self.add_task(TaskDescriptor::of::<T>(Source::caller()));
        self
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
        let problems = invalid::problems(&task)
            .into_iter()
            .map(|problem| Problem::InvalidTask {
                task: task.name,
                problem,
                source: task.source,
            });
        self.problems.extend(problems);
        for name in task.names() {
            self.refuse_other(name, &task);
        }
        for alias in task.aliases {
            self.aliases.entry(alias).or_insert(task.name);
        }
        self.tasks.insert(task.name, task);
    }

    /// Reports that another task than `second` is known as `name`, if there is one.
    fn refuse_other(&mut self, name: &'static str, second: &TaskDescriptor) {
        if let Some(first) = self.task(name) {
            self.problems.push(Problem::DuplicateAlias {
                alias: name,
                tasks: [first.name, second.name],
                sources: [first.source, second.source],
            });
        }
    }

    fn add_schedule(&mut self, schedule: ScheduleDescriptor) {
        if let Some(first) = self.schedules.get(schedule.name) {
            self.problems.push(Problem::DuplicateSchedule {
                schedule: schedule.name,
                first: first.descriptor.source,
                second: schedule.source,
            });
            return;
        }
        match KnownSchedule::read(schedule) {
            Ok(known) => {
                self.schedules.insert(schedule.name, known);
            }
            Err(problems) => {
                let problems = problems
                    .into_iter()
                    .map(|problem| Problem::InvalidSchedule {
                        schedule: schedule.name,
                        problem,
                        source: schedule.source,
                    });
                self.problems.extend(problems);
            }
        }
    }

    /// The task of that name or alias.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&TaskDescriptor> {
        let by_alias = || self.tasks.get(self.aliases.get(name)?);
        self.tasks.get(name).or_else(by_alias)
    }

    /// The names of the jobs that these tasks can run: names and aliases.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.tasks.keys().chain(self.aliases.keys()).copied()
    }

    /// Every task, by name.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskDescriptor> {
        self.tasks.values()
    }

    /// Every schedule that can tick, by name.
    pub fn schedules(&self) -> impl Iterator<Item = &ScheduleDescriptor> {
        self.schedules.values().map(|known| &known.descriptor)
    }

    pub(crate) fn known_schedules(&self) -> impl Iterator<Item = &KnownSchedule> {
        self.schedules.values()
    }

    pub(crate) fn known_schedule(&self, name: &str) -> Option<&KnownSchedule> {
        self.schedules.get(name)
    }

    /// Checks that the tasks can be told apart, and that there are any.
    ///
    /// # Errors
    ///
    /// Returns every problem at once.
    pub(crate) fn check_tasks(&self) -> Result<(), Problems> {
        let mut problems = self.problems.clone();
        if self.tasks.is_empty() {
            problems.push(Problem::NoTasks);
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Problems(problems))
        }
    }

    /// Checks everything that only start-up can see. `given` are the types of the shared values, and
    /// `of_one_job` is the one of them that a call for many jobs has not; `served` says whether a queue is
    /// served here or is known to be served by another worker; `settings` is what is wrong besides.
    ///
    /// # Errors
    ///
    /// Returns every problem at once.
    pub(crate) fn check(
        &self,
        given: &BTreeSet<TypeId>,
        of_one_job: Option<TypeId>,
        served: impl Fn(&str) -> bool,
        settings: Vec<Problem>,
    ) -> Result<(), Problems> {
        let mut problems = settings;
        problems.extend(
            self.problems
                .iter()
                .filter(|problem| self.is_news(problem))
                .cloned(),
        );
        problems.extend(
            self.schedules
                .values()
                .filter_map(|known| self.mismatch(known)),
        );
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
            let unshared = invalid::unshared(task, of_one_job);
            problems.extend(unshared.map(|problem| Problem::InvalidTask {
                task: task.name,
                problem,
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

impl Registry {
    /// Returns `false` for two schedules of one name whose tasks are two of one name as well.
    fn is_news(&self, problem: &Problem) -> bool {
        let Problem::DuplicateSchedule { schedule, .. } = problem else {
            return true;
        };
        let twice = |other: &Problem| match other {
            Problem::DuplicateTask { task, .. } => task == schedule,
            _ => false,
        };
        !self.problems.iter().any(twice)
    }

    /// What is wrong between a schedule and its task.
    fn mismatch(&self, known: &KnownSchedule) -> Option<Problem> {
        let descriptor = &known.descriptor;
        let problem = match self.task(descriptor.task) {
            None => format!("its task `{}` is not registered", descriptor.task),
            Some(task) => {
                let size_max = task.options.input_max.unwrap_or(INPUT_MAX);
                let size = known.input.len();
                match task.check_input(&known.input) {
                    _ if size > size_max => {
                        format!("its input has {size} bytes, but its task takes {size_max}")
                    }
                    Err(error) => format!("its task cannot read its input: {error}"),
                    Ok(()) => return None,
                }
            }
        };
        Some(Problem::InvalidSchedule {
            schedule: descriptor.name,
            problem,
            source: descriptor.source,
        })
    }
}
