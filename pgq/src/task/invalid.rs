//! What is wrong with a task that was not written with the macro.

use std::any::TypeId;
use std::time::Duration;

use super::{BATCH_MAX, TaskDescriptor, TaskOptions};
use crate::job::INPUT_MAX;
use crate::queue::{ATTEMPTS_MAX, DELAY_MAX, LIMIT_MAX, PRIORITY_MAX, TAGS_MAX, name_problem};

/// Every problem with the names and the options of a task, as sentences.
pub(super) fn problems(task: &TaskDescriptor) -> Vec<String> {
    let own_name = task.aliases.iter().find(|alias| **alias == task.name);
    let mut problems: Vec<String> = name_problem(task.name)
        .map(|problem| format!("its name {problem}"))
        .into_iter()
        .chain(own_name.map(|alias| format!("its alias `{alias}` is its own name")))
        .collect();
    problems.extend(names("alias", task.aliases));
    problems.extend(of_enqueues(task.options));
    problems.extend(of_times(task.options));
    problems.extend(of_limits(task.options));
    problems.extend(of_keys(task.options));
    problems
}

/// What a task takes that a call for many jobs has not, as a sentence.
pub(super) fn unshared(task: &TaskDescriptor, of_one_job: Option<TypeId>) -> Option<String> {
    task.options.batch?;
    let mut injected = (task.injected)().into_iter();
    let found = injected.find(|injected| Some(injected.type_id) == of_one_job)?;
    Some(format!(
        "with the option `batch` a call is of many jobs, and a `{}` is of one; take a pool, or remove \
         `batch`",
        found.type_name
    ))
}

fn of_enqueues(options: &TaskOptions) -> Vec<String> {
    let mut problems = Vec::new();
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
    let batch = options.batch.map_or(1, |batch| batch.max);
    if !(1..=BATCH_MAX).contains(&batch) {
        problems.push(format!("its batch.max must be 1 to {BATCH_MAX}"));
    }
    problems.extend(names("tag", options.tags));
    if options.tags.len() > TAGS_MAX {
        problems.push(format!("it must have at most {TAGS_MAX} tags"));
    }
    problems
}

fn of_times(options: &TaskOptions) -> Vec<String> {
    let within = options.unique.and_then(|unique| unique.within);
    let per = options.rate.map(|rate| rate.per);
    let mut problems = Vec::new();
    for (what, time) in [
        ("timeout", options.timeout),
        ("expires", options.expires),
        ("unique.within", within),
        ("rate.per", per),
    ] {
        if time.is_some_and(|time| time.is_zero()) {
            problems.push(format!("its {what} must be longer than zero"));
        }
    }
    // A timeout is no time of the database.
    for (what, time) in [
        ("delay", Some(options.delay)),
        ("expires", options.expires),
        ("unique.within", within),
        ("rate.per", per),
    ] {
        if time.is_some_and(|time| time > DELAY_MAX) {
            problems.push(format!("its {what} must be at most 100 years"));
        }
    }
    let is_late = |expires: Duration| expires <= options.delay;
    if options.expires.is_some_and(is_late) {
        problems
            .push("its expires must be longer than its delay, or no job could start".to_owned());
    }
    problems
}

fn of_limits(options: &TaskOptions) -> Vec<String> {
    [
        (
            "concurrency.max",
            options.concurrency.map(|limit| limit.max),
        ),
        ("rate.max", options.rate.map(|rate| rate.max)),
        ("rate.burst", options.rate.map(|rate| rate.burst)),
    ]
    .into_iter()
    .filter(|(_, limit)| limit.is_some_and(|limit| !(1..=LIMIT_MAX).contains(&limit)))
    .map(|(what, _)| format!("its {what} must be 1 to {LIMIT_MAX}"))
    .collect()
}

fn of_keys(options: &TaskOptions) -> Vec<String> {
    let limited = options.concurrency.map_or(&[][..], |limit| limit.by);
    let mut problems: Vec<String> = [
        (
            "unique.by",
            options.unique.map_or(&[][..], |unique| unique.by),
        ),
        ("concurrency.by", limited),
        ("ordered_by", options.ordered_by),
        ("rate.by", options.rate.map_or(&[][..], |rate| rate.by)),
    ]
    .into_iter()
    .flat_map(|(what, key)| {
        repeated(key).map(move |parameter| format!("its {what} names `{parameter}` twice"))
    })
    .collect();
    let has_order = |parameter| options.ordered_by.contains(parameter);
    let same = limited.len() == options.ordered_by.len() && limited.iter().all(has_order);
    if same && !limited.is_empty() {
        problems.push(
            "its jobs of one key run one at a time by ordered_by, so concurrency by the same \
             parameters has no effect"
                .to_owned(),
        );
    }
    problems
}

/// What is wrong with a list of names, each of which is a `what`.
fn names(what: &str, names: &'static [&'static str]) -> Vec<String> {
    let wrong = names.iter().filter_map(|name| {
        let problem = name_problem(name)?;
        Some(format!("its {what} {name:?} {problem}"))
    });
    let twice = repeated(names).map(|name| format!("its {what} `{name}` is given twice"));
    wrong.chain(twice).collect()
}

/// The words that have stood before.
fn repeated(words: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    let numbered = words.iter().enumerate();
    numbered
        .filter(|(i, word)| words[..*i].contains(word))
        .map(|(_, word)| *word)
}
