//! `pgq migrate`.

use clap::Args;
use pgq::postgres::{Schema, migration_script};
use serde::Serialize;

use crate::args::Global;
use crate::error::Failure;
use crate::output::Output;
use crate::session::connect;

/// Creates the schema, or brings it up to the version of this program.
///
/// It is one transaction, may run beside others like it, and changes nothing if there is nothing to do. Programs
/// that call `pgq::run()` do the same when they start, unless they are told not to.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgq migrate --database-url postgres://shop@localhost/shop
  pgq migrate --print --schema billing_jobs > pgq.sql")]
pub(crate) struct Migrate {
    /// Print the SQL that creates the schema from nothing, and run nothing; needs no database.
    ///
    /// It is for whoever may create tables where the program may not: one transaction that `pgq migrate` finds
    /// done. Run it as the user that the workers connect as, or `set role` to it before; if the schema is there and
    /// that user may create tables in it, nothing more is needed.
    #[arg(long)]
    print: bool,
}

#[derive(Serialize)]
struct Migrated<'a> {
    schema: &'a str,
}

#[derive(Serialize)]
struct Script {
    sql: String,
}

impl Migrate {
    pub(crate) async fn run(&self, global: &Global, output: Output) -> Result<(), Failure> {
        let schema = &*global.schema;
        if self.print {
            let sql = migration_script(&Schema::new(schema)?);
            let text = sql.trim_end().to_owned();
            return output.answer(&Script { sql }, &text);
        }
        connect(global).await?.migrate().await?;
        let line = format!("the schema `{schema}` is ready");
        output.answer(&Migrated { schema }, &line)
    }
}
