//! Clients and workers behind a real PgBouncer.
//!
//! Needs the program `pgbouncer`, so a plain `cargo test` leaves it out:
//! `cargo test -p pgq-tests --features pgbouncer --test pgbouncer`.

mod bouncer;
mod declared;
mod schema;
mod sessions;
mod typed;
mod undeclared;
mod workers;

use pgq_tests::database::TestDatabase;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use self::bouncer::Bouncer;

/// How many clients there are, on the three sessions that a pooler has.
const CLIENTS: usize = 8;

#[pgq::task(register = false, name = "note")]
async fn note(text: String) -> anyhow::Result<String> {
    Ok(text)
}

#[pgq::task(register = false, name = "remind", unique(by = [customer]))]
async fn remind(customer: String, text: String) -> anyhow::Result<String> {
    Ok(format!("{customer}: {text}"))
}

/// The input of a [`note`].
type Note = <note as pgq::Task>::Input;

/// The pool of one client.
fn pool(options: &PgConnectOptions, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .connect_lazy_with(options.clone())
}

/// What is left behind in sessions of the server: locks, and settings.
async fn assert_no_session_is_marked(
    database: &TestDatabase,
    bouncer: &Bouncer,
) -> anyhow::Result<()> {
    let locks = "select count(*) from pg_locks join pg_database on pg_database.oid = database
        where locktype = 'advisory' and datname = current_database()";
    let locks: i64 = sqlx::query_scalar(locks).fetch_one(database.pool()).await?;
    assert_eq!(locks, 0, "advisory locks");
    let pool = pool(&bouncer.options()?, 3);
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(pool.begin().await?);
    }
    for session in &mut held {
        let left =
            "select current_setting('statement_timeout') || current_setting('enable_seqscan')
            || current_setting('search_path') || (select count(*) from pg_listening_channels())";
        let left: String = sqlx::query_scalar(left)
            .persistent(false)
            .fetch_one(&mut **session)
            .await?;
        assert_eq!(left, "0on\"$user\", public0", "settings and channels");
    }
    Ok(())
}
