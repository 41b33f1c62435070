//! Every statement that this driver runs, one file each.
//!
//! The files name the schema `pgq_jobs`. For another schema the name is replaced once, when a
//! [`Statements`] is made; after that the text never changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::relaxed::Relaxed;
use super::schema::{DEFAULT_SCHEMA, Schema};

macro_rules! statements {
    ($($name:ident),* $(,)?) => {
        /// The statements for one schema.
        #[derive(Debug)]
        pub(super) struct Statements {
            pub(super) schema: Schema,
            $(pub(super) $name: SqlStr,)*
            pub(super) relaxed: Relaxed,
        }

        impl Statements {
            fn new(schema: Schema) -> Self {
                Self {
                    $($name: render(
                        include_str!(concat!("sql/", stringify!($name), ".sql")),
                        &schema,
                    ),)*
                    relaxed: Relaxed::of(&schema),
                    schema,
                }
            }
        }

        /// Every statement by its name, for the test that prepares them.
        #[doc(hidden)]
        pub const STATEMENTS: &[(&str, &str)] = &[
            $((stringify!($name), include_str!(concat!("sql/", stringify!($name), ".sql"))),)*
        ];
    };
}

statements! {
    add_schedules,
    applied_migrations,
    answer_input,
    ask_input,
    asked_inputs,
    cancel_running,
    cancel_waiting,
    changed_schedules,
    claim_aside,
    claim_jobs,
    commit_durably,
    complete_jobs,
    complete_within,
    count_jobs,
    count_waiting,
    declare_limits,
    declare_schedules,
    declare_tasks,
    delete_jobs,
    delete_details,
    delete_large_inputs,
    delete_progress,
    describe_job,
    directives,
    drop_keys,
    due_turns,
    delete_logs,
    delete_schedule,
    edit_schedule,
    end_jobs,
    enqueue_apart_ready,
    enqueue_apart_scheduled,
    enqueue_named,
    enqueue_one,
    enqueue_ready,
    enqueue_scheduled,
    enqueue_unique,
    expire_jobs,
    fence_claims,
    find_attempts,
    find_input,
    find_job,
    find_logs,
    find_progress,
    finished_jobs,
    find_jobs,
    forget_input,
    free_keys,
    heartbeat,
    try_suspect,
    held_jobs,
    history_owner,
    hold,
    horizon,
    input_answer,
    is_unfinished,
    is_unlogged,
    keep_logs,
    keep_permits,
    keep_turns,
    key_states,
    limits,
    list_finished,
    list_ready,
    list_running,
    list_scheduled,
    list_schedules,
    lock_dead_workers,
    lock_held,
    lock_holders,
    lock_limits,
    lock_worker,
    make_schedule,
    note_checks,
    older_snapshots,
    oldest_program,
    open_finishers,
    open_schedulers,
    open_writers,
    override_rate,
    override_running,
    park,
    partitions,
    postpone_jobs,
    pause,
    pause_schedule,
    pauses,
    put_back,
    promote_jobs,
    prune_keys,
    queued_inputs,
    read_allotments,
    read_bucket,
    read_buckets,
    read_inputs,
    record_migration,
    register_worker,
    request_trigger,
    requeue_jobs,
    reschedule_jobs,
    rescue_jobs,
    resume,
    retire_schedules,
    return_jobs,
    schedule_inputs,
    schema_health,
    schedules,
    tagged_jobs,
    take_schedule,
    set_progress,
    set_aside,
    stale_keys,
    stop_ticking,
    stray_keys,
    take_keys,
    take_permits,
    take_tokens,
    serve_queues,
    session_health,
    tick,
    tick_unique,
    unknown_input,
    unknown_task,
    unpark,
    wake_backlog,
    workers,
}

impl Statements {
    /// The statements for `schema`; made once for each, of which a program has few.
    pub(super) fn of(schema: &Schema) -> Arc<Self> {
        static MADE: Mutex<BTreeMap<String, Arc<Statements>>> = Mutex::new(BTreeMap::new());

        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(statements) = made.get(schema.as_str()) {
            return Arc::clone(statements);
        }
        let statements = Arc::new(Self::new(schema.clone()));
        made.insert(schema.as_str().to_owned(), Arc::clone(&statements));
        statements
    }
}

/// Puts `schema` in the place of `pgq_jobs`. A [`Schema`] holds nothing that could end the name.
pub(super) fn render(text: &'static str, schema: &Schema) -> SqlStr {
    if schema.as_str() == DEFAULT_SCHEMA {
        return SqlStr::from_static(text);
    }
    let own = format!("\"{schema}\".");
    AssertSqlSafe(text.replace(&format!("{DEFAULT_SCHEMA}."), &own)).into_sql_str()
}
