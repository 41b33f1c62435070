//! Which limits there are.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresDriver;
use super::enqueue::micros;
use super::error::driver_error;
use super::limit::{columns, count, int, rate};
use super::pool::OnPool;
use crate::driver::DriverError;
use crate::limit::{FleetLimit, FleetRate, KeyLimit, Limited};

impl PostgresDriver {
    pub(super) async fn declare_all_limits(
        &self,
        limits: &[FleetLimit],
    ) -> Result<(), DriverError> {
        let (kinds, names) = columns(limits.iter().map(|limit| &limit.what));
        let rates = || limits.iter().map(|limit| limit.rate);
        let keys = || limits.iter().map(|limit| limit.by_key);
        let key_rates = || keys().map(|keys| keys.and_then(|keys| keys.rate));
        sqlx::query(self.statements.declare_limits.clone())
            .bind(kinds)
            .bind(names)
            .bind(
                limits
                    .iter()
                    .map(|limit| limit.running.map(int))
                    .collect::<Vec<_>>(),
            )
            .bind(
                rates()
                    .map(|rate| rate.map(|rate| int(rate.max)))
                    .collect::<Vec<_>>(),
            )
            .bind(
                rates()
                    .map(|rate| rate.map(|rate| micros(rate.per)))
                    .collect::<Vec<_>>(),
            )
            .bind(
                rates()
                    .map(|rate| rate.map(|rate| int(rate.burst)))
                    .collect::<Vec<_>>(),
            )
            .bind(self.schema().as_str())
            .bind(
                keys()
                    .map(|keys| keys.and_then(|keys| keys.running).map(int))
                    .collect::<Vec<_>>(),
            )
            .bind(
                keys()
                    .map(|keys| keys.map(|keys| keys.ordered))
                    .collect::<Vec<_>>(),
            )
            .bind(
                key_rates()
                    .map(|rate| rate.map(|rate| int(rate.max)))
                    .collect::<Vec<_>>(),
            )
            .bind(
                key_rates()
                    .map(|rate| rate.map(|rate| micros(rate.per)))
                    .collect::<Vec<_>>(),
            )
            .bind(
                key_rates()
                    .map(|rate| rate.map(|rate| int(rate.burst)))
                    .collect::<Vec<_>>(),
            )
            .done_on(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to declare the limits", error))
    }

    pub(super) async fn set_running(
        &self,
        what: &Limited,
        running: Option<u32>,
    ) -> Result<(), DriverError> {
        sqlx::query(self.statements.override_running.clone())
            .bind(what.kind())
            .bind(what.name())
            .bind(running.map(int))
            .bind(self.schema().as_str())
            .done_on(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to set a limit", error))
    }

    pub(super) async fn set_rate(
        &self,
        task: &str,
        rate: Option<FleetRate>,
    ) -> Result<(), DriverError> {
        sqlx::query(self.statements.override_rate.clone())
            .bind(task)
            .bind(rate.map(|rate| int(rate.max)))
            .bind(rate.map(|rate| micros(rate.per)))
            .bind(rate.map(|rate| int(rate.burst)))
            .bind(self.schema().as_str())
            .done_on(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to set a rate", error))
    }

    pub(super) async fn list_limits(&self) -> Result<Vec<FleetLimit>, DriverError> {
        let limit = |row: &PgRow| {
            let running: Option<i32> = row.try_get("max_running")?;
            let what = Limited::from_kind(row.try_get("kind")?, row.try_get("name")?);
            let key_running: Option<i32> = row.try_get("key_running")?;
            let ordered: Option<bool> = row.try_get("key_ordered")?;
            let key_rate = rate(row, "key_rate")?;
            Ok(FleetLimit::new(what)
                .running(running.map(count))
                .rate(rate(row, "rate")?)
                .by_key(ordered.map(|ordered| KeyLimit {
                    running: key_running.map(count),
                    ordered,
                    rate: key_rate,
                })))
        };
        sqlx::query(self.statements.limits.clone())
            .all_on(&self.pool)
            .await
            .and_then(|rows| rows.iter().map(limit).collect())
            .map_err(|error| driver_error("failed to read the limits", error))
    }
}
