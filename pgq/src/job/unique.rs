//! Which jobs are the same.

use std::fmt;
use std::time::Duration;

use super::input::InputReader;
use super::{DecodeError, JobId};

/// What becomes of a job that is the same as one that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conflict {
    /// It is not added; its enqueuer is given the one that is there.
    #[default]
    Skip,
    /// It takes the place of the one that is there, under the same number, unless an attempt of that
    /// may have begun: with its input, its time, its priority and all else. If one may have, it is as
    /// with [`Skip`](Self::Skip). One may have begun of a job that was given back by its task, was
    /// lost with its worker or held by one that stopped, or was requeued, also if it now waits and its
    /// attempts do not count.
    Replace,
    /// It is not added; its enqueuer is given an error.
    Raise,
}

/// What became of a job that was enqueued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// It was added.
    New,
    /// It took the place of one that is the same, and of which no attempt had begun.
    Replaced,
    /// It was not added: there is one that is the same.
    Existing,
}

/// By what a new job is the same as others.
#[derive(Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What is compared, by the byte. A storage keeps a hash of it.
    pub key: Vec<u8>,
    /// For how long the job keeps others away; `None` until it has ended.
    pub within: Option<Duration>,
    /// What becomes of it if there is one that is the same; the same for all of one enqueue.
    pub conflict: Conflict,
}

/// Without what is compared, which may be secret.
impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey")
            .field("within", &self.within)
            .field("conflict", &self.conflict)
            .finish_non_exhaustive()
    }
}

/// What became of jobs that were enqueued with keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyedJobs {
    /// The jobs, in the order in which they were given: of each the number, or that of the one that
    /// is the same.
    Enqueued(Vec<(JobId, Enqueued)>),
    /// None of them was added: one is the same as this job, or as another of them.
    Refused(Option<JobId>),
}

impl KeyedJobs {
    /// Jobs that have no keys.
    pub(crate) fn new(ids: Vec<JobId>) -> Self {
        Self::Enqueued(ids.into_iter().map(|id| (id, Enqueued::New)).collect())
    }

    /// The numbers of the jobs that are there by this enqueue: new ones, and those that took the place
    /// of another.
    #[must_use]
    pub fn added(&self) -> Vec<JobId> {
        let jobs = match self {
            Self::Enqueued(jobs) => jobs.as_slice(),
            Self::Refused(_) => &[],
        };
        let added = jobs.iter().filter(|(_, what)| *what != Enqueued::Existing);
        added.map(|(job, _)| *job).collect()
    }
}

/// The kinds of what is compared.
const BY_PARAMETERS: u8 = 0;
const BY_KEY: u8 = 1;

/// Compares jobs of `task` by the values of these parameters as `input` has them; by all of it if
/// none is named.
///
/// # Errors
///
/// Fails if parameters are named and the input is not a map of such.
pub(crate) fn parameters_key(
    task: &str,
    parameters: &[&str],
    input: &[u8],
) -> Result<Vec<u8>, DecodeError> {
    let mut key = begin(task, BY_PARAMETERS);
    if parameters.is_empty() {
        key.extend(input);
        return Ok(key);
    }
    let reader = InputReader::new(input)?;
    for name in parameters {
        put(&mut key, name.as_bytes());
        match reader.find(name) {
            Some(value) => {
                key.push(1);
                put(&mut key, value);
            }
            None => key.push(0),
        }
    }
    Ok(key)
}

/// Compares jobs of `task` by a key that their enqueuer gives.
pub(crate) fn given_key(task: &str, given: &str) -> Vec<u8> {
    let mut key = begin(task, BY_KEY);
    key.extend(given.as_bytes());
    key
}

fn begin(task: &str, kind: u8) -> Vec<u8> {
    let mut key = vec![kind];
    put(&mut key, task.as_bytes());
    key
}

/// With its length, so that no two lists of parts are the same bytes.
fn put(key: &mut Vec<u8>, part: &[u8]) {
    key.extend((part.len() as u64).to_be_bytes());
    key.extend(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::InputWriter;

    fn input(to: &str, subject: &str, urgent: bool) -> Vec<u8> {
        let mut writer = InputWriter::new(3);
        writer.parameter("to", to).unwrap();
        writer.parameter("subject", subject).unwrap();
        writer.parameter("urgent", &urgent).unwrap();
        writer.finish()
    }

    fn by(parameters: &[&str], input: &[u8]) -> Vec<u8> {
        parameters_key("mail", parameters, input).unwrap()
    }

    #[test]
    fn only_the_parameters_that_are_named_are_compared() {
        let (first, second) = (input("a", "b", true), input("a", "b", false));

        assert_eq!(
            by(&["to", "subject"], &first),
            by(&["to", "subject"], &second)
        );
        assert_ne!(
            by(&["to", "urgent"], &first),
            by(&["to", "urgent"], &second)
        );
        assert_ne!(by(&[], &first), by(&[], &second));
        assert_eq!(by(&[], &first), by(&[], &first));
    }

    #[test]
    fn what_is_different_never_has_the_same_key() {
        let keys = [
            by(&["to", "subject"], &input("ab", "c", true)),
            by(&["to", "subject"], &input("a", "bc", true)),
            by(&["to"], &input("a", "bc", true)),
            by(&["subject"], &input("a", "a", true)),
            by(&["cc"], &input("a", "a", true)),
            parameters_key("mai", &["to"], &input("a", "bc", true)).unwrap(),
            given_key("mail", "to"),
            given_key("mail", ""),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{at}");
        }
    }

    #[test]
    fn parameters_are_compared_of_maps_only() {
        assert!(parameters_key("mail", &["to"], &[1, 7]).is_err());
        assert!(parameters_key("mail", &[], &[1, 7]).is_ok());
    }
}
