-- Adds jobs of one task that are due at once, some of them with inputs that are kept apart, and wakes
-- the workers of their queue.
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
--
-- The number is drawn as in `enqueue_ready`, in the order of the inputs.
with numbered as materialized (
    select nextval('pgq_jobs.job_number') as n, place, input
    from unnest($1::bytea[]) with ordinality as given (input, place)
), kept as (
    insert into pgq_jobs.large_input (job, input)
    select numbered.n, large.input
    from unnest($8::bigint[], $9::bytea[]) as large (place, input)
    join numbered on numbered.place = large.place
), added as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         queue, task, input)
    select n, n, $6, statement_timestamp(), 0, $4, 0, $5, 0, $3, $2, input
    from numbered
    returning id
), woken as materialized (
    select pgq_jobs.wake($7, 'ready ' || $3)
)
select added.id
from added
cross join woken;
