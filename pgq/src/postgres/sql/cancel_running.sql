-- Asks for a job that runs to be cancelled; returns how many that were.
--
-- $1 job      bigint
-- $2 channel  text
--
-- The job's row is locked against its end: whoever ends the job sees the request, or this statement
-- sees that the job is gone. Who keeps it locked is waited for as long as the transaction says, or 5 s.
with limited as materialized (
    select set_config(
        'lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '5s'), true
    ) is not null as done
), held as materialized (
    select held.worker, held.id, held.claim
    from limited
    cross join pgq_jobs.worker as worker
    cross join lateral (
        select running.worker, running.id, running.claim
        from pgq_jobs.running as running
        where running.worker = worker.id and running.id = $1 and limited.done
        limit 1
        for update
    ) as held
), requested as (
    insert into pgq_jobs.cancel_request (worker, job, claim)
    select worker, id, claim
    from held
    on conflict do nothing
)
select count(*) as held, bool_or(pgq_jobs.direct($2)) as told
from held;
