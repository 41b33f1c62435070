//! Which jobs.

use chrono::{DateTime, Utc};
use clap::Args;
use pgq::{JobState, Jobs};

use crate::names::did_you_mean;
use crate::values::time;

/// Which jobs a command is about: those for which all of it is true.
#[derive(Args, Debug)]
#[command(next_help_heading = "Which jobs")]
pub(super) struct Filter {
    /// Only jobs in these states: scheduled, ready, running, completed, failed, cancelled, expired; several are
    /// divided by commas.
    #[arg(long = "state", value_name = "STATE", value_delimiter = ',', value_parser = read_state)]
    pub(super) states: Vec<JobState>,
    /// Only jobs of this queue.
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// Only jobs of this task.
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// Only jobs that have this tag.
    #[arg(long)]
    tag: Option<String>,
    /// Only jobs that were enqueued at this time or later; a date stands for its first moment in UTC.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    created_from: Option<DateTime<Utc>>,
    /// Only jobs that were enqueued before this time.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    created_before: Option<DateTime<Utc>>,
}

fn read_state(text: &str) -> Result<JobState, String> {
    JobState::from_name(text).ok_or_else(|| {
        let names = JobState::ALL.map(JobState::as_str);
        let meant = did_you_mean(text, names);
        format!(
            "no job is ever in that state{meant}; the states are {}",
            names.join(", ")
        )
    })
}

impl Filter {
    /// Whether it says something beside the states.
    pub(super) const fn is_narrow(&self) -> bool {
        self.queue.is_some()
            || self.task.is_some()
            || self.tag.is_some()
            || self.created_from.is_some()
            || self.created_before.is_some()
    }

    /// Whether it says something.
    pub(super) fn is_said(&self) -> bool {
        self.is_narrow() || !self.states.is_empty()
    }

    /// The states that are asked for, each once; `otherwise` if none is said.
    pub(super) fn states_or(&self, otherwise: &[JobState]) -> Vec<JobState> {
        let mut states = Vec::new();
        let asked = match self.states.is_empty() {
            true => otherwise,
            false => &self.states,
        };
        for state in asked {
            if !states.contains(state) {
                states.push(*state);
            }
        }
        states
    }

    /// The jobs of one state.
    pub(super) fn jobs(&self, state: JobState) -> Jobs {
        let mut jobs = Jobs::in_state(state);
        if let Some(queue) = &self.queue {
            jobs = jobs.queue(queue);
        }
        if let Some(task) = &self.task {
            jobs = jobs.task(task);
        }
        if let Some(tag) = &self.tag {
            jobs = jobs.tag(tag);
        }
        if let Some(from) = self.created_from {
            jobs = jobs.created_from(from);
        }
        if let Some(before) = self.created_before {
            jobs = jobs.created_before(before);
        }
        jobs
    }
}
