-- Enqueues the job of a tick, if nobody else has: the last tick is compared and set in the same
-- statement.
--
-- $1 schedule      text
-- $2 previous      timestamptz
-- $3 tick          timestamptz
-- $4 input         bytea, a stub if the input is kept apart
-- $5 task          text
-- $6 queue         text
-- $7 priority      smallint
-- $8 max_attempts  smallint
-- $9 fingerprint   bigint
-- $10 channel      text
-- $11 large        bytea, the input that is kept apart, or null
with won as (
    update pgq_jobs.schedule
    set last_tick = $3
    where name = $1 and last_tick = $2 and last_tick < $3
    returning name
), added as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         queue, task, input)
    select n, n, $9, now(), 0, $7, 0, $8, 0, $6, $5, $4
    from (select nextval('pgq_jobs.job_number') as n from won) as numbered
    returning id
), kept as (
    insert into pgq_jobs.large_input (job, input)
    select added.id, $11
    from added
    where $11::bytea is not null
), woken as (
    select pgq_jobs.wake($10, 'ready ' || $6)
    from added
)
select added.id
from added
cross join woken;
