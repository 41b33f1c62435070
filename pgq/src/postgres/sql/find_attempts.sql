-- Returns what is known of the attempts of a job, in no order.
--
-- $1 job  bigint
--
-- The rows are found as in `find_job`. An attempt that ended its job, and has a row of its own in
-- `failure`, is returned once.
with recursive kind (hash) as (
    (
        select hashtextextended(task, hashtextextended(queue, 0))
        from pgq_jobs.finished
        order by hashtextextended(task, hashtextextended(queue, 0))
        limit 1
    )
    union all
    select (
        select hashtextextended(finished.task, hashtextextended(finished.queue, 0))
        from pgq_jobs.finished as finished
        where hashtextextended(finished.task, hashtextextended(finished.queue, 0)) > kind.hash
        order by hashtextextended(finished.task, hashtextextended(finished.queue, 0))
        limit 1
    )
    from kind
    where kind.hash is not null
), failed as materialized (
    select attempt, worker, claimed_at, failed_at, outcome, error
    from pgq_jobs.failure
    where job = $1
)
select attempt, worker, claimed_at as started_at, failed_at as ended_at, outcome, error
from failed
union all
select held.attempt, worker.id, held.claimed_at, null, null, null
from pgq_jobs.worker as worker
cross join lateral (
    select attempt, claimed_at
    from pgq_jobs.running as running
    where running.worker = worker.id and running.id = $1
    limit 1
) as held
union all
select ended.attempt, ended.worker, ended.claimed_at, ended.finished_at, ended.state, ended.error
from kind
cross join lateral (
    select attempt, worker, claimed_at, finished_at, state, error
    from pgq_jobs.finished as finished
    where hashtextextended(finished.task, hashtextextended(finished.queue, 0)) = kind.hash
      and finished.id = $1
    limit 1
) as ended
where ended.claimed_at is not null
  and not exists (select from failed where failed.claimed_at = ended.claimed_at);
