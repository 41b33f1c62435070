//! Ticks of schedules: how late one is, how long very many take that are due at once, and what those
//! cost that are not due.

mod idle;
mod many;
mod precision;

use crate::Bench;
use crate::report::Figure;

/// The schedules where there are many.
const MANY: i64 = 10_000;

/// For how long a schedule ticks, or idles. All schedules are compared with those that a worker knows once
/// in this time.
const SECONDS: i64 = 300;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut figures = precision::run(bench).await?;
    figures.extend(many::run(bench).await?);
    figures.extend(idle::run(bench).await?);
    Ok(figures)
}
