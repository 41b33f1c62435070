//! Clients other than sqlx: jobs in the transactions of an application, whatever it talks to the database by.
//!
//! What each statement does is a matter of the conformance suite, which runs through all of them.

mod complete;
mod configured;
mod errors;
mod named;
mod page;
mod pooler;
mod spawned;
mod transactions;

use pgq_tests::database::TestDatabase;
use pgq_tests::drain::{DEADLINE, drain, worker};

#[pgq::task(name = "clients/charge")]
async fn charge(invoice: u64) -> anyhow::Result<u64> {
    Ok(invoice)
}

/// One that is the same as others of its customer.
#[pgq::task(name = "clients/remind", unique(by = [customer], conflict = "raise"))]
async fn remind(customer: String) -> anyhow::Result<String> {
    Ok(customer)
}

/// How many jobs wait.
async fn ready(database: &TestDatabase) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar("select count(*) from pgq_jobs.ready")
        .fetch_one(database.pool())
        .await?)
}
