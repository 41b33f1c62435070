-- Adds jobs of one task that are due later, and tells the workers that there is one.
--
-- $1 inputs        bytea[]
-- $2 task          text
-- $3 queue         text
-- $4 priority      smallint
-- $5 max_attempts  smallint
-- $6 fingerprint   bigint
-- $7 channel       text
-- $8 run_at        timestamptz, or null for
-- $9 delay         bigint, in microseconds from now
with added as (
    insert into pgq_jobs.scheduled
        (id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts, deaths,
         queue, task, input)
    select n, $6, statement_timestamp(),
           coalesce($8, statement_timestamp() + $9::bigint * interval '1 microsecond'),
           0, $4, 0, $5, 0, $3, $2, input
    from (
        select nextval('pgq_jobs.job_number') as n, input
        from unnest($1::bytea[]) as input
    ) as numbered
    returning id
), woken as materialized (
    select pg_notify($7, 'scheduled')
)
select added.id
from added
cross join woken;
