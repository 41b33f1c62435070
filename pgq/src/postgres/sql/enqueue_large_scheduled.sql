-- Adds jobs of one task that are due later, some of them with inputs that are kept apart, and wakes
-- the workers as `enqueue_scheduled` does.
--
-- $1 inputs        bytea[], stubs in the place of large ones
-- $2 task          text
-- $3 queue         text
-- $4 priority      smallint
-- $5 max_attempts  smallint
-- $6 fingerprint   bigint
-- $7 channel       text
-- $8 places        bigint[], from 1: where in `inputs` the stubs are
-- $9 large         bytea[], the inputs that they stand for
-- $10 run_at       timestamptz, or null for
-- $11 delay        bigint, in microseconds from now
with numbered as materialized (
    select nextval('pgq_jobs.job_number') as n, place, input
    from unnest($1::bytea[]) with ordinality as given (input, place)
), kept as (
    insert into pgq_jobs.large_input (job, input)
    select numbered.n, large.input
    from unnest($8::bigint[], $9::bytea[]) as large (place, input)
    join numbered on numbered.place = large.place
), added as (
    insert into pgq_jobs.scheduled
        (id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts, deaths,
         queue, task, input)
    select n, $6, statement_timestamp(),
           coalesce($10, statement_timestamp() + $11::bigint * interval '1 microsecond'),
           0, $4, 0, $5, 0, $3, $2, input
    from numbered
    returning id
), woken as materialized (
    select case
        when coalesce($10, statement_timestamp() + $11::bigint * interval '1 microsecond')
                < statement_timestamp() + interval '2 seconds'
            then pgq_jobs.wake($7, 'scheduled')
    end
)
select added.id
from added
cross join woken;
