//! [`Jobs`] and [`count_jobs`]: looking at many jobs.

use std::fmt;

use super::Reader;
use crate::driver::{DriverError, JobCounts, ListedJobs, Listing, Position};
use crate::job::JobState;

/// The most jobs of one page.
const PAGE_MAX: usize = 1000;
/// The jobs of one page unless another number is set.
const PAGE_DEFAULT: usize = 50;

/// The jobs of one state, page by page, newest first.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) -> Result<(), pgq::driver::DriverError> {
/// use pgq::{JobState, Jobs};
///
/// let failed = Jobs::in_state(JobState::Failed).queue("mail");
/// let mut page = failed.list(&pool).await?;
/// for job in &page.jobs {
///     println!("{}: {}", job.id, job.error.as_deref().unwrap_or_default());
/// }
/// if let Some(next) = page.next.take() {
///     page = failed.after(next).list(&pool).await?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// Ready jobs come in the order in which they became ready, all others in the order in which they
/// were enqueued. A page is a look at one moment: a job that changes its state between two pages
/// may be on neither or, in two listings, on both.
///
/// A page costs the same however many jobs there are. To hold that, a listing of scheduled or ready
/// jobs that asks for one queue or task looks at a limited number of jobs: a page of it may be
/// short, or empty, and still name a next one.
#[derive(Clone, Debug)]
pub struct Jobs {
    listing: Listing,
}

impl Jobs {
    /// The jobs of `state`, of all queues and tasks, 50 a page.
    #[must_use]
    pub const fn in_state(state: JobState) -> Self {
        Self {
            listing: Listing {
                state,
                queue: None,
                task: None,
                after: None,
                limit: PAGE_DEFAULT,
            },
        }
    }

    /// Only those of one queue.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.listing.queue = Some(queue.into());
        self
    }

    /// Only those of the task of that name.
    #[must_use]
    pub fn task(mut self, task: impl Into<String>) -> Self {
        self.listing.task = Some(task.into());
        self
    }

    /// How many jobs a page has, 1 to 1000; other numbers are taken as the nearest of these.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.listing.limit = limit.clamp(1, PAGE_MAX);
        self
    }

    /// The page after the one whose [`next`](ListedJobs::next) this is.
    #[must_use]
    pub fn after(&self, position: Position) -> Self {
        let mut next = self.clone();
        next.listing.after = Some(position);
        next
    }

    /// Reads one page.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn list(&self, reader: impl Reader) -> Result<ListedJobs, DriverError> {
        reader.driver().list(&self.listing).await
    }
}

/// Counts the jobs of each state, and what waits in each queue.
///
/// Cheap however many jobs there are: numbers are exact up to 1000, and estimates above that. See
/// [`Count`](crate::driver::Count).
///
/// # Errors
///
/// Returns the error of the storage.
///
/// # Cancel safety
///
/// Cancel safe: the call only looks.
pub async fn count_jobs(reader: impl Reader) -> Result<JobCounts, DriverError> {
    reader.driver().count().await
}

impl fmt::Display for crate::driver::Count {
    /// `12`, or `~40000` for an estimate.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_exact {
            f.write_str("~")?;
        }
        write!(f, "{}", self.jobs)
    }
}
