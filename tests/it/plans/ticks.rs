//! What is expected of the plans of ticks.

use super::cases::Case;
use super::tables::{READY_ID, READY_LANES, RUNNING, SCHEDULED_ID};

pub(super) const TICKS: &[Case] = &[
    Case {
        statement: "tick_unique",
        arguments: &[
            "'nightly', now() - interval '1 day', now(), '\\x01', 'send', 'mail',
                      0::smallint, 5::smallint, 7, 'pgq_jobs', null, null, 'skip', null, 0::smallint,
                      7, '\\x02', null, 'skip'",
        ],
        indexes: &[READY_ID, READY_LANES, RUNNING, SCHEDULED_ID],
        looked_up: &[],
    },
    Case {
        statement: "tick",
        arguments: &[
            "'{nightly}', '{7}', array[now() - interval '1 day'], array[now()], '{send}', '{mail}',
             '{0}', '{5}', '{7}', '{0}', array['\\x01'::bytea], '{null}', '{skip}', '{}', '{}', '{}',
             '{}', 'pgq_jobs'",
            "array_fill('nightly'::text, '{500}'), array_fill(7::bigint, '{500}'),
             array_fill(now() - interval '1 day', '{500}'), array_fill(now(), '{500}'),
             array_fill('send'::text, '{500}'), array_fill('mail'::text, '{500}'),
             array_fill(0::smallint, '{500}'), array_fill(5::smallint, '{500}'),
             array_fill(7::bigint, '{500}'), array_fill(0::smallint, '{500}'),
             array_fill('\\x01'::bytea, '{500}'), array_fill(null::timestamptz, '{500}'),
             array_fill('skip'::text, '{500}'), '{}', '{}', '{}', '{}', 'pgq_jobs'",
        ],
        indexes: &[READY_ID, READY_LANES, RUNNING, SCHEDULED_ID],
        looked_up: &[],
    },
    Case {
        statement: "is_unfinished",
        arguments: &["30000007"],
        indexes: &[READY_ID, READY_LANES, RUNNING, SCHEDULED_ID],
        looked_up: &[],
    },
];
