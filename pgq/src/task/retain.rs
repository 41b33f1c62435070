//! How long what is left of the jobs of a registry is kept.

use super::Registry;
use crate::driver::Kept;
use crate::job::Retain;

impl Registry {
    /// How long what is left of the jobs of these tasks is kept, and of those that somebody cancels who does not
    /// know their task.
    pub(crate) fn retains(&self) -> Vec<Retain> {
        let own = self.tasks().map(|task| task.options.retain);
        own.chain([Retain::DEFAULT]).collect()
    }

    /// How long jobs are kept that end where they wait, by the names that they may have.
    pub(crate) fn kept(&self) -> Kept {
        let of = |name: &str| Some((name.to_owned(), self.task(name)?.options.retain.completed));
        Kept {
            tasks: self.names().filter_map(of).collect(),
            others: Retain::DEFAULT.completed,
        }
    }
}
