//! Statements whose own transaction does not wait for the disk.
//!
//! The setting is that of the transaction, so it is for statements that are sent alone, and never for one in a transaction
//! that does something else as well.

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::schema::Schema;
use super::sql::render;

/// Where the setting is made, before everything else.
const HEAD: &str = "\nwith ";

/// One parameter more than the statement has, so that no pooler takes one for the other.
const SET: &str = "\nwith relaxed as materialized (\n    select set_config('synchronous_commit', {parameter}, true)\n), ";

/// The value of the parameter, which is the last one.
pub(super) const OFF: &str = "off";

/// Where it is read, without which it would not be made.
const TAIL: &str = "cross join woken";

const READ: &str = "cross join woken\ncross join relaxed";

/// The statements that may be sent so.
#[derive(Debug)]
pub(super) struct Relaxed {
    pub(super) enqueue_ready: SqlStr,
    pub(super) enqueue_scheduled: SqlStr,
    pub(super) enqueue_apart_ready: SqlStr,
    pub(super) enqueue_apart_scheduled: SqlStr,
    pub(super) enqueue_unique: SqlStr,
    pub(super) complete_jobs: SqlStr,
}

impl Relaxed {
    pub(super) fn of(schema: &Schema) -> Self {
        let relaxed = |text: &'static str| {
            let last = (1..).take_while(|n| text.contains(&format!("${n}"))).last();
            let parameter = format!("${}", last.unwrap_or(0) + 1);
            let text = render(text, schema).as_str().replacen(HEAD, SET, 1);
            let text = text.replacen("{parameter}", &parameter, 1);
            AssertSqlSafe(text.replacen(TAIL, READ, 1)).into_sql_str()
        };
        Self {
            enqueue_ready: relaxed(include_str!("sql/enqueue_ready.sql")),
            enqueue_scheduled: relaxed(include_str!("sql/enqueue_scheduled.sql")),
            enqueue_apart_ready: relaxed(include_str!("sql/enqueue_apart_ready.sql")),
            enqueue_apart_scheduled: relaxed(include_str!("sql/enqueue_apart_scheduled.sql")),
            enqueue_unique: relaxed(include_str!("sql/enqueue_unique.sql")),
            complete_jobs: relaxed(include_str!("sql/complete_jobs.sql")),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::postgres::Schema;
    use crate::postgres::sql::Statements;

    #[test]
    fn each_has_the_setting_once_and_reads_it() {
        let statements = Statements::of(&Schema::default());
        let relaxed = &statements.relaxed;
        for statement in [
            &relaxed.enqueue_ready,
            &relaxed.enqueue_scheduled,
            &relaxed.enqueue_apart_ready,
            &relaxed.enqueue_apart_scheduled,
            &relaxed.enqueue_unique,
            &relaxed.complete_jobs,
        ] {
            let text = statement.as_str();
            assert_eq!(text.matches("synchronous_commit").count(), 1, "{text}");
            assert_eq!(text.matches("cross join relaxed").count(), 1, "{text}");
        }
    }
}
