-- Adds jobs of one task that are due later, and wakes the workers for one that is due soon: they
-- look once a second by themselves, and a transaction may take a second to commit.
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
--
-- Jobs of another schema it does not take, as `enqueue_ready`.
with added as (
    insert into pgq_jobs.scheduled
        (id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select n, $6, statement_timestamp(),
           coalesce($8, statement_timestamp() + $9::bigint * interval '1 microsecond'),
           0, $4, 0, $5, 0, 0, $3, $2, input
    from (
        select nextval('pgq_jobs.job_number') as n, input
        from unnest($1::bytea[]) as input
        where $7 = btrim('pgq_jobs.', '".')
    ) as numbered
    returning id
), woken as materialized (
    select case
        when coalesce($8, statement_timestamp() + $9::bigint * interval '1 microsecond')
                < statement_timestamp() + interval '2 seconds'
            then pgq_jobs.wake($7, 'scheduled')
    end
)
select added.id
from added
cross join woken;
