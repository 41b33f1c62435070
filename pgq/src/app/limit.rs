//! Limits of the fleet that a [`Pgq`] sets at run time.

use super::Pgq;
use crate::driver::Driver;
use crate::error::Result;
use crate::limit::{FleetLimit, FleetRate, LIMIT_MAX, Limited};
use crate::task::Rate;

/// Limits. They hold for every worker of the database together, those that start later included, and
/// come before what the code declares, until `None` is set: then the code's limit is in force again.
///
/// A change of a limit that is in force is exact: permits are given by the new number from then on,
/// and while more are in use than it allows, nobody gets any. A worker may use those that it has for up
/// to a second more. Workers take note of it, and of a limit where there was none, within their
/// [poll interval](crate::Run::poll_interval) or a second, at once as a rule; what runs goes on.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) -> pgq::Result<()> {
/// let pgq = pgq::Pgq::from_pool(pool);
/// pgq.limit_task("send_email", 5).await?;
/// pgq.limit_queue("mail", 20).await?;
/// // The mail server has recovered.
/// pgq.limit_task("send_email", None).await?;
/// # Ok(())
/// # }
/// ```
impl Pgq {
    /// Sets how many jobs of a task run at once. The range is 1 to 1,000,000, and other numbers count
    /// as the nearest in it: to run none, [pause](Self::pause_task) the task.
    ///
    /// `task` is the name of the task, and not an alias.
    ///
    /// # Errors
    ///
    /// Returns the error of the database.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have set the limit; calling it again does no harm.
    pub async fn limit_task(
        &self,
        task: impl Into<String>,
        max: impl Into<Option<u32>>,
    ) -> Result<()> {
        self.limit(Limited::Task(task.into()), max.into()).await
    }

    /// Sets how many jobs of a queue run at once. The range is that of
    /// [`limit_task`](Self::limit_task).
    ///
    /// # Errors
    ///
    /// Returns the error of the database.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have set the limit; calling it again does no harm.
    pub async fn limit_queue(
        &self,
        queue: impl Into<String>,
        max: impl Into<Option<u32>>,
    ) -> Result<()> {
        self.limit(Limited::Queue(queue.into()), max.into()).await
    }

    async fn limit(&self, what: Limited, max: Option<u32>) -> Result<()> {
        let max = max.map(|max| max.clamp(1, LIMIT_MAX));
        Ok(self.driver.override_running(&what, max).await?)
    }

    /// Sets how many jobs of a task start in a time. Its parameters ([`Rate::by`]) are not used: the
    /// rate is one for the whole task.
    ///
    /// # Errors
    ///
    /// Returns the error of the database.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have set the rate; calling it again does no harm.
    pub async fn rate_task(
        &self,
        task: impl AsRef<str>,
        rate: impl Into<Option<Rate>>,
    ) -> Result<()> {
        let rate = rate.into().map(|rate| FleetRate {
            max: rate.max.clamp(1, LIMIT_MAX),
            per: rate.per,
            burst: rate.burst.clamp(1, LIMIT_MAX),
        });
        Ok(self.driver.override_rate(task.as_ref(), rate).await?)
    }

    /// Lists the limits that are in force, those of queues first, each kind by name.
    ///
    /// # Errors
    ///
    /// Returns the error of the database.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn limits(&self) -> Result<Vec<FleetLimit>> {
        Ok(self.driver.limits().await?)
    }
}
