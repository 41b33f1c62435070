//! What an attempt knows of the jobs that it enqueues.

use super::Context;
use crate::driver::Enqueue;
use crate::job::Detail;

/// The headers that carry the trace of a job on to its children, as W3C names them.
const TRACE: [&str; 2] = ["traceparent", "tracestate"];

const NO_JOB: &str = "this context is not of one job, so it has no children";
const TOO_LATE: &str = "the attempt was completed in a transaction before";
const OVER: &str = "the run of the task has ended, so it has no more children";

impl Context {
    /// Makes jobs children of this one: they name it and the first of its line, and go on with its
    /// trace unless they have one of their own.
    pub(crate) fn as_child(&self, mut enqueue: Enqueue) -> Enqueue {
        let attempt = self.own();
        let own = attempt.detail.as_deref();
        let root = own.and_then(|own| own.root).unwrap_or(attempt.job);
        for job in &mut enqueue.jobs {
            let detail: &mut Detail = job.detail.get_or_insert_default();
            detail.parent = Some(attempt.job);
            detail.root = Some(root);
            let is_traced = TRACE.iter().any(|name| detail.headers.contains_key(*name));
            for (name, value) in own.iter().flat_map(|own| &own.headers) {
                if !is_traced && TRACE.contains(&name.as_str()) {
                    detail.headers.insert(name.clone(), value.clone());
                }
            }
        }
        enqueue
    }

    /// Keeps a child until the attempt completes with this run.
    ///
    /// # Errors
    ///
    /// Says why it cannot be kept.
    pub(crate) fn add_child(&self, child: Enqueue) -> Result<(), &'static str> {
        let attempt = self.own();
        if attempt.host.is_none() {
            return Err(NO_JOB);
        }
        if attempt.completing.was_tried() {
            return Err(TOO_LATE);
        }
        match self.own_run().add_child(child) {
            true => Ok(()),
            false => Err(OVER),
        }
    }

    /// The children that are enqueued when the attempt completes with this run, or with the one that
    /// counts.
    pub(crate) fn children(&self) -> Vec<Enqueue> {
        let mut children = Vec::new();
        self.each_child(|child| children.push(child.clone()));
        children
    }

    pub(crate) fn has_children(&self) -> bool {
        let mut has_any = false;
        self.each_child(|_| has_any = true);
        has_any
    }

    /// Shows each of them.
    pub(crate) fn each_child(&self, mut show: impl FnMut(&Enqueue)) {
        self.own().around.each_child(&mut show);
        if let Some(run) = self.run() {
            run.each_child(show);
        }
    }
}
