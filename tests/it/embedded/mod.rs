//! Embedded clusters: what runs, what is kept, and what is left behind.

mod access;
mod binaries;
mod ephemeral;
mod fixture;
mod parent;
mod persistent;
mod place;

use anyhow::Context as _;
use pgq::embedded::Cluster;
use sqlx::{Connection as _, PgConnection};

/// Connects to the maintenance database of a cluster.
async fn connect(cluster: &Cluster) -> anyhow::Result<PgConnection> {
    connect_to(cluster.port()).await
}

/// Connects to the maintenance database of the server on a port of this machine.
async fn connect_to(port: u16) -> anyhow::Result<PgConnection> {
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    PgConnection::connect(&url)
        .await
        .with_context(|| format!("no connection to {url}"))
}

/// Creates a table with one row.
async fn write_row(connection: &mut PgConnection, value: i32) -> anyhow::Result<()> {
    sqlx::raw_sql("create table kept (value int4 not null)")
        .execute(&mut *connection)
        .await?;
    sqlx::query("insert into kept (value) values ($1)")
        .bind(value)
        .execute(connection)
        .await?;
    Ok(())
}

/// Reads the row back.
async fn read_row(connection: &mut PgConnection) -> anyhow::Result<i32> {
    Ok(sqlx::query_scalar("select value from kept")
        .fetch_one(connection)
        .await?)
}
