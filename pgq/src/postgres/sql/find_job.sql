-- Finds one job in whatever state. The jobs of a worker are indexed by the worker first, so the
-- few workers are asked one after the other; the limit keeps it at that.
--
-- $1 job  bigint
select id, 'scheduled' as state, task, queue, priority, attempt, max_attempts, deliveries, deaths,
       created_at, run_at, null::timestamptz as claimed_at, null::timestamptz as finished_at,
       null::bytea as result, error
from pgq_jobs.scheduled
where id = $1
union all
select id, 'ready', task, queue, priority, attempt, max_attempts, deliveries, deaths,
       created_at, null, null, null, null, null
from pgq_jobs.ready
where id = $1
union all
select held.id, 'running', held.task, held.queue, held.priority, held.attempt, held.max_attempts,
       held.deliveries, held.deaths, held.created_at, null, held.claimed_at, null, null, null
from pgq_jobs.worker as worker
cross join lateral (
    select id, task, queue, priority, attempt, max_attempts, deliveries, deaths, created_at,
           claimed_at
    from pgq_jobs.running as running
    where running.worker = worker.id and running.id = $1
    limit 1
) as held
union all
select id, (array ['completed', 'failed', 'cancelled', 'expired'])[state], task, queue, priority,
       attempt, max_attempts, deliveries, deaths, created_at, null, claimed_at, finished_at,
       result, error
from pgq_jobs.finished
where id = $1;
