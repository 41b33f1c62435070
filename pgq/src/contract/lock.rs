//! [`Lock`]: the contents of `pgq.lock`.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::iter;

use super::Error;
use crate::shape::{ParseError, Shape, Tokens};
use crate::task::Registry;

const HEADER: &str = "\
# What the queued jobs of each task hold: `now` by this code, `old` by code before it that may have
# left jobs behind. `pgq::contract` writes this file. Commit it; take an `old` part out when no job
# of it is queued any more.
version 1
";

/// What a merge leaves where both sides have changed a file.
const CONFLICT_MARKS: [&str; 3] = ["<<<<<<< ", "=======", ">>>>>>> "];

const CONFLICT: &str = "two branches changed the contract of a task; remove the marks, keep one \
                        `now`, make the other one `old` if jobs were enqueued with it, and run the \
                        test again";

/// The contents of a lock file: what the jobs of each task hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    pub(super) tasks: BTreeMap<String, Contract>,
}

/// What jobs of one task may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contract {
    pub(super) now: Shape,
    /// What jobs of earlier builds hold, the latest first.
    pub(super) old: Vec<Shape>,
}

impl Lock {
    /// What the tasks of this build hold now.
    #[must_use]
    pub fn of(registry: &Registry) -> Self {
        let contract = |shape: fn() -> Shape| Contract {
            now: shape(),
            old: Vec::new(),
        };
        // Jobs that carry an alias are read as those of the name are.
        let tasks = registry.tasks().flat_map(|task| {
            let names = iter::once(task.name).chain(task.aliases.iter().copied());
            names.map(|name| (name.to_owned(), contract(task.shape)))
        });
        Self {
            tasks: tasks.collect(),
        }
    }

    /// Reads the text of a lock file.
    ///
    /// # Errors
    ///
    /// Fails with the line that is not as it should be, for instance because of a merge conflict.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|error| Error::Malformed {
            line: error.line,
            problem: error.problem,
        })
    }

    /// What the jobs of a task hold that this build enqueues.
    #[must_use]
    pub fn shape(&self, task: &str) -> Option<&Shape> {
        self.tasks.get(task).map(|contract| &contract.now)
    }

    /// Checks that every task is in the file as it is now.
    ///
    /// # Errors
    ///
    /// Names the tasks that are not.
    pub(crate) fn check_current(&self, registry: &Registry) -> Result<(), Error> {
        let current = Self::of(registry);
        let changed = current
            .tasks
            .iter()
            .filter(|(task, contract)| self.shape(task) != Some(&contract.now));
        let tasks: Vec<String> = changed.map(|(task, _)| format!("`{task}`")).collect();
        if tasks.is_empty() {
            return Ok(());
        }
        Err(Error::Stale { tasks })
    }

    /// The fingerprints of the jobs that can be read, those of this build first.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<i64> {
        let now = self
            .tasks
            .iter()
            .map(|(task, contract)| contract.now.fingerprint(task));
        let old = self.tasks.iter().flat_map(|(task, contract)| {
            let old = contract.old.iter();
            old.map(|shape| shape.fingerprint(task))
        });
        now.chain(old).collect()
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADER)?;
        for (name, contract) in &self.tasks {
            write!(f, "\ntask {name:?}\n")?;
            write_shape("now", name, &contract.now, f)?;
            for shape in &contract.old {
                write_shape("old", name, shape, f)?;
            }
        }
        Ok(())
    }
}

fn write_shape(word: &str, task: &str, shape: &Shape, out: &mut impl Write) -> fmt::Result {
    write!(out, "  {word} {} ", hex(shape.fingerprint(task)))?;
    shape.write(out, 1)?;
    out.write_char('\n')
}

/// A fingerprint as people read it.
pub(super) fn hex(fingerprint: i64) -> String {
    format!("{:016x}", fingerprint.cast_unsigned())
}

fn parse(text: &str) -> Result<Lock, ParseError> {
    let marked = |line: &str| CONFLICT_MARKS.iter().any(|mark| line.starts_with(mark));
    if let Some(index) = text.lines().position(marked) {
        return Err(ParseError {
            line: index + 1,
            problem: CONFLICT.to_owned(),
        });
    }
    let mut tokens = Tokens::new(text);
    if !tokens.take_word("version") {
        return tokens.error("`version 1` is expected");
    }
    if !tokens.take_word("1") {
        return tokens.error("this file is of a newer version of pgq; only version 1 is known");
    }
    let mut lock = Lock::default();
    while !tokens.is_at_end() {
        if !tokens.take_word("task") {
            return tokens.error("`task` is expected");
        }
        let name = tokens.name("the name of a task")?;
        if lock.tasks.contains_key(&name) {
            return tokens.error(format!("the task `{name}` is there twice"));
        }
        if !tokens.take_word("now") {
            return tokens.error(format!("`now` is expected: what jobs of `{name}` hold"));
        }
        let now = fingerprinted(&mut tokens, &name)?;
        let mut old = Vec::new();
        while tokens.take_word("old") {
            old.push(fingerprinted(&mut tokens, &name)?);
        }
        lock.tasks.insert(name, Contract { now, old });
    }
    Ok(lock)
}

/// Reads a shape with its fingerprint before it, so that an edit by hand shows.
fn fingerprinted(tokens: &mut Tokens<'_>, task: &str) -> Result<Shape, ParseError> {
    let fingerprint = tokens.word("a fingerprint")?;
    let line = tokens.line();
    let shape = tokens.shape()?;
    let real = hex(shape.fingerprint(task));
    if fingerprint == real {
        return Ok(shape);
    }
    Err(ParseError {
        line,
        problem: format!(
            "what is described here has the fingerprint {real}, not {fingerprint}; take the file \
             as it was committed, and run the test again",
        ),
    })
}
