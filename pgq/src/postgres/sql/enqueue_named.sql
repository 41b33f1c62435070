-- Adds one job of a task that its enqueuer knows by its name only.
--
-- $1 task           text
-- $2 inputs         bytea[], one
-- $3 queue          text, empty for that of the task
-- $4 priority       bigint, or null for that of the task, as are the others
-- $5 run_at         timestamptz
-- $6 delay          bigint, in microseconds
-- $7 max_attempts   bigint
-- $8 expires_in     bigint, in microseconds
-- $9 tags           text[]
-- $10 headers       text, an object as JSON
-- $11 unique_keys   text[], one, or none
-- $12 unique_within bigint, in microseconds
-- $13 conflict      text, empty for that of the task
-- $14 may_be_unknown bigint, 1 if the task may be one that no worker has
-- $15 schema        text, that of the job: no other is taken, as by `enqueue_ready`
select added.job, added.outcome,
       coalesce(
           nullif($3, ''), (select task.queue from pgq_jobs.task where task.name = $1), 'default'
       ) as queue
from pgq_jobs.enqueue_inputs(
    $1, $2,
    queue => nullif($3, ''),
    priority => $4::bigint::int,
    run_at => $5,
    delay => $6::bigint * interval '1 microsecond',
    max_attempts => $7::bigint::int,
    expires_in => $8::bigint * interval '1 microsecond',
    tags => $9,
    headers => $10::text::jsonb,
    unique_keys => case when cardinality($11::text[]) > 0 then $11::text[] end,
    unique_within => $12::bigint * interval '1 microsecond',
    conflict => nullif($13, ''),
    allow_unknown_task => $14::bigint = 1
) as added
where $15 = btrim('pgq_jobs.', '".');
