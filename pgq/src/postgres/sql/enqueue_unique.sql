-- Adds those jobs of one task that are not the same as others, and wakes the workers.
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
-- $13 keys         bytea[], what is compared, one for each input
-- $14 periods      bigint[], for how long in microseconds; null until the job has ended
-- $15 conflict     text, `skip`, `replace` or `raise`
-- $16 run_at       timestamptz, or null for
-- $17 delay        bigint, in microseconds from now, or null for at once
--
-- The numbers are drawn by this statement, which has locked both tables. Each job is told with its place
-- and what became of it; if they are refused, there is only the one that was in the way. Jobs of another schema
-- it does not take, as `enqueue_ready`.
with start as materialized (
    select coalesce($16, statement_timestamp() + $17::bigint * interval '1 microsecond') as run_at
), taken as materialized (
    select place, job, outcome
    from pgq_jobs.take_keys(
        array(
            select substr(encode(sha256(given.key), 'hex'), 1, 32)::uuid
            from unnest($13::bytea[]) with ordinality as given (key, place)
            where $7 = btrim('pgq_jobs.', '".')
            order by given.place
        ),
        $14, $15, hashtextextended($3, $4::smallint)
    )
), numbered as materialized (
    select taken.job as n, taken.outcome = 'new' as is_new, given.place, given.input, given.marks
    from unnest($1::bytea[], $8::smallint[]) with ordinality as given (input, marks, place)
    join taken on taken.place = given.place
    where taken.outcome in ('new', 'replaced')
    order by given.place
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
               greatest($16, statement_timestamp()) + given.expires_in * interval '1 microsecond'
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
), ready as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select n, case when is_new then n else nextval('pgq_jobs.job_number') end, $6,
           statement_timestamp(), 0, $4, 0, $5, 0, marks, $3, $2, input
    from numbered
    cross join start
    where start.run_at is null
), scheduled as (
    insert into pgq_jobs.scheduled
        (id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select n, $6, statement_timestamp(), start.run_at, 0, $4, 0, $5, 0, marks, $3, $2, input
    from numbered
    cross join start
    where start.run_at is not null
), woken as materialized (
    select case
        when not exists (select from numbered) then false
        when start.run_at is null then pgq_jobs.wake($7, 'ready ' || $3)
        when start.run_at < statement_timestamp() + interval '2 seconds'
            then pgq_jobs.wake($7, 'scheduled')
    end
    from start
)
select taken.place, taken.job, taken.outcome
from taken
cross join woken;
