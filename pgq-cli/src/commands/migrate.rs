//! `pgq migrate`.

use clap::Args;
use pgq::postgres::{Schema, migration_script, roles_script};
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
  pgq migrate --roles --database-url postgres://postgres@localhost/shop
  pgq migrate --print --schema billing_jobs > pgq.sql
  pgq migrate --print --roles --schema billing_jobs > roles.sql")]
pub(crate) struct Migrate {
    /// Print the SQL that creates the schema from nothing, and run nothing; needs no database.
    ///
    /// It is for whoever may create tables where the program may not: one transaction that `pgq migrate` finds
    /// done. Run it as the user that the workers connect as, or `set role` to it before; if the schema is there and
    /// that user may create tables in it, nothing more is needed.
    #[arg(long)]
    print: bool,

    /// Then make roles for an owner, workers, producers and readers, with no more rights than they need.
    ///
    /// They are named after the schema: `pgq_jobs_owner`, `pgq_jobs_worker`, `pgq_jobs_producer`, `pgq_jobs_reader`.
    /// Grant one to the user that an application connects as. The tables become the owner's, for which it waits until
    /// nobody uses them, up to five seconds for each. It needs a superuser, or the owner of the schema who may create
    /// roles. To do it again changes nothing. With `--print`, the SQL of the roles alone is printed.
    #[arg(long)]
    roles: bool,
}

#[derive(Serialize)]
struct Migrated<'a> {
    schema: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
}

#[derive(Serialize)]
struct Script {
    sql: String,
}

impl Migrate {
    pub(crate) async fn run(&self, global: &Global, output: Output) -> Result<(), Failure> {
        let schema = &*global.schema;
        if self.print {
            let schema = Schema::new(schema)?;
            let sql = match self.roles {
                true => roles_script(&schema)?,
                false => migration_script(&schema),
            };
            let text = sql.trim_end().to_owned();
            return output.answer(&Script { sql }, &text);
        }
        let pgq = connect(global).await?;
        pgq.migrate().await?;
        let mut line = format!("the schema `{schema}` is ready");
        let mut roles = Vec::new();
        if self.roles {
            pgq.make_roles().await?;
            roles.extend(
                ["owner", "worker", "producer", "reader"].map(|role| format!("{schema}_{role}")),
            );
            line.push_str(", and so are the roles ");
            line.push_str(&roles.join(", "));
        }
        output.answer(&Migrated { schema, roles }, &line)
    }
}
