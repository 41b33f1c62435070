//! `pgq migrate`.

use clap::Args;
use pgq::postgres::{Schema, migration_script, roles_script, unlogged_script};
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
  pgq migrate --unlogged --schema scratch_jobs --database-url postgres://shop@localhost/shop
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

    /// Then make the tables of jobs unlogged, for throw-away work in a schema of its own.
    ///
    /// Nothing of the jobs is written to the log of the server: a crash of it empties the tables, and standbys do not
    /// have them. There is no way back but to drop the schema. It needs the owner of the tables. With `--print`, this
    /// SQL alone is printed.
    #[arg(long, conflicts_with = "roles")]
    unlogged: bool,
}

#[derive(Serialize)]
struct Migrated<'a> {
    schema: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unlogged: bool,
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
            let sql = match (self.roles, self.unlogged) {
                (true, _) => roles_script(&schema)?,
                (_, true) => unlogged_script(&schema),
                _ => migration_script(&schema),
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
        if self.unlogged {
            pgq.make_unlogged().await?;
            line.push_str(", and its jobs are unlogged");
        }
        let migrated = Migrated {
            schema,
            roles,
            unlogged: self.unlogged,
        };
        output.answer(&migrated, &line)
    }
}
