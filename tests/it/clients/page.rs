//! The table of the page about clients.

use std::collections::BTreeSet;

use pgq::driver::Driver;
use pgq::{BlockingEnqueuer, CompleteIn, Enqueuer, Reader};

const PAGE: &str = include_str!("../../../pgq/docs/clients.md");

/// Whoever calls these has been compiled, which is what is to be shown.
const fn enqueues<T: Enqueuer>() {}
const fn enqueues_blocking<T: BlockingEnqueuer>() {}
const fn completes<T: CompleteIn>() {}
const fn reads<T: Reader>() {}
const fn works<T: Driver>() {}

/// Every cell that says more than nothing.
fn shown() -> BTreeSet<(&'static str, &'static str, &'static str)> {
    let mut shown = BTreeSet::new();
    macro_rules! row {
        ($client:literal $(, $column:literal = $says:literal by $proof:expr)*) => {
            $(
                const { $proof };
                shown.insert(($client, $column, $says));
            )*
        };
    }
    type Through = pgq::postgres::Through<&'static mut sqlx::PgConnection>;
    type Within = pgq::Within<'static, &'static mut sqlx::PgConnection>;
    row!("&sqlx::PgPool",
        "enqueue" = "yes" by enqueues::<&sqlx::PgPool>(),
        "read" = "yes" by reads::<&sqlx::PgPool>(),
        "work" = "yes" by works::<pgq::postgres::PostgresDriver>());
    row!("&mut sqlx::PgConnection",
        "enqueue" = "yes" by enqueues::<&mut sqlx::PgConnection>(),
        "complete" = "yes" by completes::<&mut sqlx::PgConnection>());
    row!("&mut sqlx::pool::PoolConnection",
        "enqueue" = "yes" by enqueues::<&mut sqlx::pool::PoolConnection<sqlx::Postgres>>(),
        "complete" = "yes" by completes::<&mut sqlx::pool::PoolConnection<sqlx::Postgres>>());
    row!("&mut sqlx::Transaction",
        "enqueue" = "yes" by enqueues::<&mut sqlx::Transaction<'_, sqlx::Postgres>>(),
        "complete" = "yes" by completes::<&mut sqlx::Transaction<'_, sqlx::Postgres>>());
    row!("&tokio_postgres::Client",
        "enqueue" = "yes" by enqueues::<&tokio_postgres::Client>());
    row!("&tokio_postgres::Transaction",
        "enqueue" = "yes" by enqueues::<&tokio_postgres::Transaction<'_>>(),
        "complete" = "yes" by completes::<&tokio_postgres::Transaction<'_>>());
    row!("&deadpool_postgres::Pool",
        "enqueue" = "yes" by enqueues::<&deadpool_postgres::Pool>());
    row!("&deadpool_postgres::Client",
        "enqueue" = "yes" by enqueues::<&deadpool_postgres::Client>());
    row!("&deadpool_postgres::Transaction",
        "enqueue" = "yes" by enqueues::<&deadpool_postgres::Transaction<'_>>(),
        "complete" = "yes" by completes::<&deadpool_postgres::Transaction<'_>>());
    row!("&mut postgres::Client",
        "enqueue" = "blocking" by enqueues_blocking::<&mut sync_postgres::Client>());
    row!("&mut postgres::Transaction",
        "enqueue" = "blocking" by enqueues_blocking::<&mut sync_postgres::Transaction<'_>>());
    row!("pgq::postgres::through(connection)",
        "enqueue" = "yes" by enqueues::<Through>(),
        "complete" = "yes" by completes::<Through>());
    row!("&pgq::Pgq",
        "enqueue" = "yes" by enqueues::<&pgq::Pgq>(),
        "read" = "yes" by reads::<&pgq::Pgq>(),
        "work" = "yes" by works::<pgq::postgres::PostgresDriver>());
    row!("pgq.within(connection)",
        "enqueue" = "yes" by enqueues::<Within>());
    row!("&pgq::memory::MemoryDriver",
        "enqueue" = "yes" by enqueues::<&pgq::memory::MemoryDriver>(),
        "read" = "yes" by reads::<&pgq::memory::MemoryDriver>(),
        "work" = "yes" by works::<pgq::memory::MemoryDriver>());
    shown
}

#[test]
fn it_says_nothing_of_a_client_that_the_types_do_not_say() {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| "));
    let mut rows = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    let columns = rows.next().unwrap_or_default();
    let mut said = BTreeSet::new();
    for row in rows.skip(1) {
        let client = row[0].trim_matches('`');
        for (column, says) in columns.iter().zip(&row).skip(2) {
            if !says.is_empty() {
                said.insert((client, *column, *says));
            }
        }
    }

    assert_eq!(said, shown());
}
