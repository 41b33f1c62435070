//! [`Jobs`] and [`count_jobs`]: looking at many jobs.

use std::fmt;

use chrono::{DateTime, Utc};

use super::Reader;
use crate::driver::{Count, DriverError, JobCounts, ListedJobs, Listing, Position};
use crate::job::{JobId, JobState};

/// The most jobs of one page.
const PAGE_MAX: usize = 1000;
/// The most pages that are looked at to count jobs.
const COUNTED_PAGES_MAX: usize = 20;
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
/// Ready jobs that are asked for by a tag or by their ids come in the order of these.
///
/// A page costs the same however many jobs there are. To hold that, a listing that asks for what
/// there is no index by looks at 1000 jobs at most: a page of it may be short, or empty, and still
/// name a next one. So it is with the time of the enqueue, and with the queue or the task of
/// scheduled or ready jobs.
#[derive(Clone, Debug)]
pub struct Jobs {
    listing: Listing,
    limit: Option<usize>,
}

impl Jobs {
    /// The jobs of `state`, of all queues and tasks, 50 a page.
    #[must_use]
    pub const fn in_state(state: JobState) -> Self {
        Self {
            listing: Listing::of(state, PAGE_DEFAULT),
            limit: None,
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

    /// Only those that have this tag. A page of them looks at the 200 newest jobs that have it, in
    /// whatever state; it costs more the more jobs have the tag, by about a microsecond for each.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.listing.tag = Some(tag.into());
        self
    }

    /// Only those that were enqueued at this time or later, by the database's clock.
    #[must_use]
    pub fn created_from(mut self, time: DateTime<Utc>) -> Self {
        self.listing.created_from = Some(time);
        self
    }

    /// Only those that were enqueued before this time, by the database's clock.
    #[must_use]
    pub fn created_before(mut self, time: DateTime<Utc>) -> Self {
        self.listing.created_before = Some(time);
        self
    }

    /// Only these jobs, those of them that are in the state. A page of them looks at 200 at most, so
    /// it may be short, or empty, and still name a next one.
    #[must_use]
    pub fn ids(mut self, jobs: impl IntoIterator<Item = JobId>) -> Self {
        self.listing.jobs = Some(jobs.into_iter().collect());
        self
    }

    /// How many jobs a page has, 1 to 1000; other numbers are taken as the nearest of these. By
    /// default it is 50.
    ///
    /// Of a call that changes jobs it is how many are changed at most, and any number above 0; by
    /// default all are.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit.max(1));
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
        let page = self.limit.unwrap_or(PAGE_DEFAULT).min(PAGE_MAX);
        reader.driver().list(&self.listing(page)).await
    }

    /// Counts the jobs, as far as that is cheap.
    ///
    /// All jobs of a state are counted as [`count_jobs`] does. Others are counted page by page, 20
    /// pages of 1000 at most: if there are more pages, the number is that of the jobs found so far.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn count(&self, reader: impl Reader) -> Result<Count, DriverError> {
        let driver = reader.driver();
        let mut listing = self.listing(PAGE_MAX);
        if listing.is_of_state_only() {
            return Ok(driver.count().await?.state(listing.state));
        }
        listing.results = false;
        let mut count = Count {
            jobs: 0,
            is_exact: false,
        };
        for _ in 0..COUNTED_PAGES_MAX {
            let page = driver.list(&listing).await?;
            count.jobs += u64::try_from(page.jobs.len()).unwrap_or(u64::MAX);
            listing.after = page.next;
            if page.next.is_none() {
                count.is_exact = true;
                break;
            }
        }
        Ok(count)
    }

    /// The most jobs that a call changes.
    pub(super) const fn limit_of_changes(&self) -> Option<usize> {
        self.limit
    }

    pub(super) fn listing(&self, limit: usize) -> Listing {
        Listing {
            limit,
            ..self.listing.clone()
        }
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

impl fmt::Display for Count {
    /// `12`, or `~40000` for an estimate.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_exact {
            f.write_str("~")?;
        }
        write!(f, "{}", self.jobs)
    }
}
