-- Adds jobs of one task that are due at once, some of them with what is kept apart from their rows:
-- large inputs, and details. Wakes the workers of their queue.
--
-- $1 inputs        bytea[], stubs in the place of large ones
-- $2 task          text
-- $3 queue         text
-- $4 priority      smallint
-- $5 max_attempts  smallint
-- $6 fingerprint   bigint
-- $7 channel       text
-- $8 marks         smallint[], one for each input
-- $9 places        bigint[], from 1: where in `inputs` the stubs are
-- $10 large        bytea[], the inputs that they stand for
-- $11 detailed     bigint[], from 1: the places of the jobs that have a detail
-- $12 details      text[], these, as JSON
--
-- The number is drawn as in `enqueue_ready`, in the order of the inputs; and only jobs of this schema are taken.
with numbered as materialized (
    select nextval('pgq_jobs.job_number') as n, place, input, marks
    from unnest($1::bytea[], $8::smallint[]) with ordinality as given (input, marks, place)
    where $7 = btrim('pgq_jobs.', '".')
), kept as (
    insert into pgq_jobs.large_input (job, input)
    select numbered.n, large.input
    from unnest($9::bigint[], $10::bytea[]) as large (place, input)
    join numbered on numbered.place = large.place
), detailed as (
    insert into pgq_jobs.detail
        (job, expires_at, concurrency_key, order_key, rate_key, parent, root, tags, headers)
    select numbered.n,
           coalesce(
               given.expires_at,
               statement_timestamp() + given.expires_in * interval '1 microsecond'
           ),
           given.concurrency_key, given.order_key, given.rate_key, given.parent, given.root,
           given.tags, given.headers
    from unnest($11::bigint[], $12::text[]) as detail (place, json)
    join numbered on numbered.place = detail.place
    cross join jsonb_to_record(detail.json::jsonb) as given (
        expires_at timestamptz, expires_in bigint, concurrency_key bigint, order_key bigint,
        rate_key bigint, parent bigint, root bigint, tags text[], headers jsonb
    )
    returning job, expires_at
), expiring as (
    insert into pgq_jobs.expiry (job, expires_at, lane)
    select job, expires_at, hashtextextended($3, $4::smallint)
    from detailed
    where expires_at is not null
), added as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select n, n, $6, statement_timestamp(), 0, $4, 0, $5, 0, marks, $3, $2, input
    from numbered
    returning id
), woken as materialized (
    select pgq_jobs.wake($7, 'ready ' || $3)
)
select added.id
from added
cross join woken;
