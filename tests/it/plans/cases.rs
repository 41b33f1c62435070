//! What is expected of the plan of each statement that reads jobs.

use super::tables::{
    ASIDE_JOB, ASIDE_KEY, ASIDE_TASK, BUCKET, BUCKET_FULL, DETAIL, EXPIRY, FAILURE, FINISHED,
    KEY_JOB, KEY_UNTIL, LARGE_INPUT, LOG, PROGRESS, READY_ID, READY_LANES, RESULT, RUNNING,
    SCHEDULED_DUE, SCHEDULED_ID, TURN, TURN_DUE,
};

/// What is expected of the plan of a statement.
pub(super) struct Case {
    pub(super) statement: &'static str,
    /// For `execute`, each in turn: a plan that is made anew may differ by them.
    pub(super) arguments: &'static [&'static str],
    /// The indexes of the tables of jobs that it uses; all of them and no others.
    pub(super) indexes: &'static [&'static str],
    /// Columns that are looked up by an index, and not filtered after that.
    pub(super) looked_up: &'static [&'static str],
}

pub(super) const CASES: &[Case] = &[
    Case {
        statement: "claim_jobs",
        arguments: &[
            "1, 1, 'mail', '{send,print}', 1, null, '{0,0,0,0,0,0,0,0,0,0}', null",
            "1, 1, 'mail', '{send,print}', 1, null, '{0,0,0,0,0,0,0,0,0,0}', '{7}'",
            "1, 1, 'mail', array_fill('send'::text, '{200}'), 10000, 900000,
             array_fill(500000::bigint, '{10}'), array_fill(7::bigint, '{400}')",
        ],
        indexes: &[DETAIL, READY_LANES],
        looked_up: &["hashtextextended", "seq"],
    },
    Case {
        statement: "complete_jobs",
        arguments: &[
            "1, '{20000001}', '{1}', 24::smallint, '{}', '{}', '{}', '{}', 'pgq_jobs'",
            r"1, array_fill(20000001::bigint, '{1000}'), array_fill(1::bigint, '{1000}'),
              24::smallint, array_fill(20000001::bigint, '{1000}'),
              array_fill(1::bigint, '{1000}'),
              array_fill('\x01'::bytea, '{1000}'), array_fill(24::smallint, '{1000}'), 'pgq_jobs'",
        ],
        indexes: &[RUNNING, KEY_JOB],
        looked_up: &["worker", "id"],
    },
    Case {
        statement: "complete_within",
        arguments: &[r"1, 20000001, 1, 24::smallint, '\x01', 24::smallint, 'pgq_jobs'"],
        indexes: &[RUNNING, KEY_JOB],
        looked_up: &["worker", "id"],
    },
    Case {
        statement: "lock_held",
        arguments: &["1, 20000001, 1"],
        indexes: &[RUNNING],
        looked_up: &["worker", "id"],
    },
    Case {
        statement: "set_progress",
        arguments: &["1, 20000001, 1, 1, 10, 'first'"],
        indexes: &[RUNNING],
        looked_up: &["worker", "id"],
    },
    Case {
        statement: "hold",
        arguments: &["1, 20000001, 1"],
        indexes: &[RUNNING],
        looked_up: &["worker", "id"],
    },
    Case {
        statement: "end_jobs",
        arguments: &[
            "1, '{20000001,2}', '{1,1}', '{failed,retry}', '{0,1000}', '{oops,oops}',
             '{24,24}', 'pgq_jobs', 24::smallint",
            "1, array_fill(20000001::bigint, '{1000}'), array_fill(1::bigint, '{1000}'),
             array_fill('release'::text, '{1000}'), array_fill(0::bigint, '{1000}'),
             array_fill('oops'::text, '{1000}'), array_fill(24::smallint, '{1000}'), 'pgq_jobs',
             24::smallint",
        ],
        indexes: &[DETAIL, RUNNING, KEY_JOB],
        looked_up: &["worker", "id"],
    },
    Case {
        statement: "promote_jobs",
        arguments: &[
            "100, 'pgq_jobs', null",
            "10000, 'pgq_jobs', now() - interval '1 second'",
        ],
        indexes: &[SCHEDULED_DUE],
        looked_up: &["run_at"],
    },
    Case {
        statement: "enqueue_one",
        arguments: &[
            r"'send', 'mail', 0::smallint, 5::smallint, 7, 'pgq_jobs', '\x01'",
            "'send', 'mail', 0::smallint, 5::smallint, 7, 'pgq_jobs', repeat('x', 2000)::bytea",
        ],
        indexes: &[],
        looked_up: &[],
    },
    Case {
        statement: "enqueue_ready",
        arguments: &[
            r"'{\\x01,\\x02}', 'send', 'mail', 0::smallint, 5::smallint, 7, 'pgq_jobs'",
            r"array_fill('\x01'::bytea, '{1000}'), 'send', 'mail', 0::smallint, 5::smallint, 7,
              'pgq_jobs'",
        ],
        indexes: &[],
        looked_up: &[],
    },
    Case {
        statement: "enqueue_scheduled",
        arguments: &[
            r"'{\\x01,\\x02}', 'send', 'mail', 0::smallint, 5::smallint, 7, 'pgq_jobs', now(), null",
            r"array_fill('\x01'::bytea, '{1000}'), 'send', 'mail', 0::smallint, 5::smallint, 7,
              'pgq_jobs', null, 1000000",
        ],
        indexes: &[],
        looked_up: &[],
    },
    Case {
        statement: "stale_keys",
        arguments: &[
            "'{send}', '{1,2}', null, 2000",
            "'{send,sent}', '{}', -1, 2000",
        ],
        indexes: &[DETAIL, READY_ID, RUNNING, SCHEDULED_ID],
        looked_up: &["id"],
    },
    Case {
        statement: "free_keys",
        arguments: &[
            "'{send}', '{}', -1, 256, 2, 10, 'mail', '{send}', null, null, 2000",
            "'{send,sent}', '{7,8}', -1, 256, null, 256, 'mail', '{send}', '{7}', 1000, 2000",
        ],
        indexes: &[SCHEDULED_ID, ASIDE_KEY],
        looked_up: &["id"],
    },
    Case {
        statement: "due_turns",
        arguments: &[
            "'{send}', 'mail', '{send}', null, null, null, 256, 10, null, 5, 1000000, 9",
            "'{send,sent}', 'mail', '{send}', '{7}', 1000, 7, 256, 256, 9, null, null, null",
        ],
        indexes: &[BUCKET, TURN_DUE, SCHEDULED_ID, ASIDE_KEY],
        looked_up: &[],
    },
    Case {
        statement: "read_buckets",
        arguments: &["'{7,8}'"],
        indexes: &[BUCKET],
        looked_up: &["key"],
    },
    Case {
        statement: "keep_turns",
        arguments: &[
            "'send', '{7,8}', '{1,2}', '{3,4}', '{5,6}', '{7,8}', 'mail', 3, null",
            "'sent', '{7}', '{1}', '{3}', '{5}', '{7}', 'other', 3, 1000",
        ],
        indexes: &[BUCKET_FULL, TURN_DUE, TURN, ASIDE_KEY],
        looked_up: &[],
    },
    Case {
        statement: "stray_keys",
        arguments: &["'{send}', -1, 256, 2", "'{send,sent}', 7, 256, null"],
        indexes: &[ASIDE_KEY, ASIDE_TASK],
        looked_up: &["key"],
    },
    Case {
        statement: "claim_aside",
        arguments: &["1, 2, '{20000001,2}', 10"],
        indexes: &[DETAIL, SCHEDULED_ID, ASIDE_JOB],
        looked_up: &["id", "job"],
    },
    Case {
        statement: "drop_keys",
        arguments: &["'{7,8}', '{1,2}', '{7,8,9}', '{7}', '{mail}', '{8}', 'pgq_jobs'"],
        indexes: &[SCHEDULED_ID, ASIDE_KEY],
        looked_up: &["id"],
    },
    Case {
        statement: "put_back",
        arguments: &["'{send}', -9223372036854775808, 1000, 'pgq_jobs'", "'{send,sent}', 7, 1000, 'pgq_jobs'"],
        indexes: &[TURN_DUE, SCHEDULED_ID, ASIDE_KEY, ASIDE_JOB, ASIDE_TASK],
        looked_up: &[],
    },
    Case {
        statement: "key_states",
        arguments: &["'{7,8}', '{mail,mail}', '{1,2}'"],
        indexes: &[SCHEDULED_ID, ASIDE_KEY],
        looked_up: &["id"],
    },
    Case {
        statement: "set_aside",
        arguments: &[
            "1, '{20000001,2}', '{7,null}', '{1,2}', '{1,null}', 'send'",
            "1, array_fill(20000001::bigint, '{256}'), array_fill(7::bigint, '{256}'),
             array_fill(7::bigint, '{256}'), array_fill(1::smallint, '{256}'), 'send'",
        ],
        indexes: &[RUNNING],
        looked_up: &["worker", "id"],
    },
    Case {
        statement: "find_input",
        arguments: &["7"],
        indexes: &[
            FINISHED,
            LARGE_INPUT,
            READY_ID,
            READY_LANES,
            RUNNING,
            SCHEDULED_ID,
        ],
        // The first lane and the first kind are looked up by nothing.
        looked_up: &[],
    },
    Case {
        statement: "find_job",
        arguments: &["7"],
        indexes: &[DETAIL,
            FINISHED,
            READY_ID,
            READY_LANES,
            RESULT,
            RUNNING,
            SCHEDULED_ID,
        ],
        // The first lane and the first kind are looked up by nothing.
        looked_up: &[],
    },
    Case {
        statement: "cancel_waiting",
        arguments: &["7, 24::smallint, 'pgq_jobs'"],
        indexes: &[READY_ID, READY_LANES, SCHEDULED_ID, ASIDE_JOB, KEY_JOB],
        looked_up: &[],
    },
    Case {
        statement: "cancel_running",
        arguments: &["20000001, 'pgq_jobs'"],
        indexes: &[RUNNING],
        looked_up: &["worker", "id"],
    },
    Case {
        statement: "directives",
        arguments: &["1", "2"],
        indexes: &[RUNNING],
        looked_up: &[],
    },
    Case {
        statement: "finished_jobs",
        arguments: &["'{7,30000007}'"],
        indexes: &[FINISHED],
        // The first kind is looked up by nothing.
        looked_up: &[],
    },
    Case {
        statement: "find_attempts",
        arguments: &["7", "30000007"],
        indexes: &[FAILURE, FINISHED, RUNNING],
        // The first kind is looked up by nothing.
        looked_up: &[],
    },
    Case {
        statement: "find_jobs",
        arguments: &[
            "'{7,8}', '{scheduled,ready,running,finished}', 1::smallint, true",
            "array_fill(30000007::bigint, '{200}'), '{scheduled,ready,running,finished}',
             1::smallint, true",
        ],
        indexes: &[
            DETAIL,
            FINISHED,
            READY_ID,
            READY_LANES,
            RESULT,
            RUNNING,
            SCHEDULED_ID,
        ],
        looked_up: &[],
    },
    Case {
        statement: "requeue_jobs",
        arguments: &[
            "'{30000007}', '{mail}', '{send}', array[now()], 1::smallint, 'pgq_jobs'",
            "array_fill(30000007::bigint, '{500}'), array_fill('mail'::text, '{500}'),
             array_fill('send'::text, '{500}'), array_fill(now(), '{500}'), 1::smallint, 'pgq_jobs'",
        ],
        indexes: &[DETAIL, FINISHED],
        looked_up: &["hashtextextended", "id"],
    },
    Case {
        statement: "delete_jobs",
        arguments: &[
            "'{7}', '{mail}', '{send}', '{0}', '{null}', '{scheduled,ready,finished}', 1::smallint",
            "array_fill(30000007::bigint, '{500}'), array_fill('mail'::text, '{500}'),
             array_fill('send'::text, '{500}'), array_fill(0::smallint, '{500}'),
             array_fill(now(), '{500}'), '{scheduled,ready,finished}', 1::smallint",
        ],
        indexes: &[
            LOG,
            DETAIL,
            FAILURE,
            FINISHED,
            LARGE_INPUT,
            PROGRESS,
            READY_ID,
            READY_LANES,
            RESULT,
            SCHEDULED_ID,
            ASIDE_JOB,
            KEY_JOB,
        ],
        looked_up: &[],
    },
    Case {
        statement: "reschedule_jobs",
        arguments: &[
            "'{10000007}', null, 1000000, 'pgq_jobs'",
            "array_fill(10000007::bigint, '{500}'), now(), 0, 'pgq_jobs'",
        ],
        indexes: &[SCHEDULED_ID, ASIDE_JOB],
        looked_up: &["id"],
    },
    Case {
        statement: "postpone_jobs",
        arguments: &[
            "'{7}', '{mail}', '{0}', null, 1000000, 'pgq_jobs'",
            "array_fill(7::bigint, '{500}'), array_fill('mail'::text, '{500}'),
             array_fill(0::smallint, '{500}'), now(), 0, 'pgq_jobs'",
        ],
        indexes: &[READY_ID, READY_LANES],
        looked_up: &[],
    },
    Case {
        statement: "tagged_jobs",
        arguments: &["'vip', 9223372036854775807, 200"],
        indexes: &[DETAIL],
        looked_up: &["job"],
    },
    Case {
        statement: "held_jobs",
        arguments: &["1", "2"],
        indexes: &[RUNNING],
        looked_up: &["worker"],
    },
    Case {
        statement: "rescue_jobs",
        arguments: &[
            "'{1}', 3::smallint, 'pgq_jobs', 336::smallint, 24::smallint",
            "'{2,3}', 3::smallint, 'pgq_jobs', 336::smallint, 24::smallint",
        ],
        indexes: &[RUNNING, KEY_JOB],
        looked_up: &["worker"],
    },
    Case {
        statement: "return_jobs",
        arguments: &["1, 'pgq_jobs', 24::smallint", "2, 'pgq_jobs', 24::smallint"],
        indexes: &[RUNNING, KEY_JOB],
        looked_up: &["worker"],
    },
    Case {
        statement: "unknown_input",
        arguments: &["'mail', '{send,print}', '{7}'", "'nobody', '{send}', '{}'"],
        indexes: &[READY_LANES],
        looked_up: &["hashtextextended"],
    },
    Case {
        statement: "unknown_task",
        arguments: &["'mail', '{send,print}'", "'nobody', '{send}'"],
        indexes: &[READY_LANES],
        looked_up: &["hashtextextended"],
    },
    Case {
        statement: "list_finished",
        arguments: &[
            "1::smallint, null, null, 9223372036854775807, 50, 50, null, null, true",
            "1::smallint, 'mail', 'send', 30000500, 50, 1000, now(), now(), true",
        ],
        indexes: &[DETAIL, FINISHED, RESULT],
        looked_up: &[],
    },
    Case {
        statement: "list_ready",
        arguments: &[
            "null, null, 9223372036854775807, 50, 50, null, null",
            "'mail', 'unknown', 500, 50, 1000, now(), now()",
        ],
        indexes: &[DETAIL, READY_LANES],
        looked_up: &[],
    },
    Case {
        statement: "list_scheduled",
        arguments: &[
            "null, null, 9223372036854775807, 50, 50, null, null",
            "'mail', 'unknown', 10000500, 50, 1000, now(), now()",
        ],
        indexes: &[DETAIL, SCHEDULED_ID],
        looked_up: &["id"],
    },
    Case {
        statement: "list_running",
        arguments: &["null, null, 9223372036854775807, 50, null, null"],
        indexes: &[DETAIL, RUNNING],
        looked_up: &["worker", "id"],
    },
    Case {
        statement: "count_waiting",
        arguments: &["1000"],
        indexes: &[READY_LANES],
        looked_up: &[],
    },
    Case {
        statement: "delete_progress",
        arguments: &["'{20000001,2}'", "array_fill(2::bigint, '{1000}')"],
        indexes: &[PROGRESS],
        looked_up: &["job"],
    },
    Case {
        statement: "find_progress",
        arguments: &["30000001"],
        indexes: &[PROGRESS],
        looked_up: &["job"],
    },
    Case {
        statement: "delete_details",
        arguments: &["'{20000001,2}'", "array_fill(2::bigint, '{1000}')"],
        indexes: &[DETAIL],
        looked_up: &["job"],
    },
    Case {
        statement: "delete_large_inputs",
        arguments: &["'{20000001,2}'", "array_fill(2::bigint, '{1000}')"],
        indexes: &[LARGE_INPUT],
        looked_up: &["job"],
    },
    Case {
        statement: "read_inputs",
        arguments: &["1, '{20000001,2}', '{1,1}'"],
        indexes: &[LARGE_INPUT, RUNNING],
        looked_up: &[],
    },
    Case {
        statement: "keep_logs",
        arguments: &["1, '{20000001,2}', '{1,1}', '{1,1}', '{false,true}', '{a,b}'"],
        indexes: &[RUNNING],
        looked_up: &["worker", "id"],
    },
    Case {
        statement: "find_logs",
        arguments: &["30000001"],
        indexes: &[LOG],
        looked_up: &["job"],
    },
    Case {
        statement: "delete_logs",
        arguments: &["'{20000001,2}'", "array_fill(2::bigint, '{1000}')"],
        indexes: &[LOG],
        looked_up: &["job"],
    },
    Case {
        statement: "expire_jobs",
        arguments: &[
            "500, 24::smallint, null, '{}', '{}', 'pgq_jobs'",
            "10000, 24::smallint, now() - interval '1 second', '{send}', '{72}', 'pgq_jobs'",
        ],
        indexes: &[
            DETAIL,
            EXPIRY,
            READY_ID,
            READY_LANES,
            SCHEDULED_ID,
            ASIDE_JOB,
            KEY_JOB,
        ],
        looked_up: &[],
    },
    Case {
        statement: "prune_keys",
        arguments: &["1000"],
        indexes: &[KEY_UNTIL],
        looked_up: &["until"],
    },
    Case {
        statement: "heartbeat",
        arguments: &["1, 10000000, 5"],
        indexes: &[],
        looked_up: &[],
    },
    Case {
        statement: "try_suspect",
        arguments: &["1, 2"],
        indexes: &[],
        looked_up: &[],
    },
];
