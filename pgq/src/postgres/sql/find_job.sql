-- Finds one job in whatever state.
--
-- $1 job  bigint
--
-- The lanes of `ready`, the kinds of `finished` and the workers of `running` are few: each is asked
-- for the job by the whole key of its index, and the limits keep it at that. The recursive queries
-- step from one lane or kind to the next.
with recursive lane (hash) as (
    (
        select hashtextextended(queue, priority)
        from pgq_jobs.ready
        order by hashtextextended(queue, priority)
        limit 1
    )
    union all
    select (
        select hashtextextended(ready.queue, ready.priority)
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) > lane.hash
        order by hashtextextended(ready.queue, ready.priority)
        limit 1
    )
    from lane
    where lane.hash is not null
), kind (hash) as (
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
), found as (
    select id, 'scheduled' as state, task, queue, priority, attempt, max_attempts, deliveries, deaths,
           created_at, run_at, null::timestamptz as claimed_at, null::timestamptz as finished_at,
           null::bytea as result, error, marks
    from pgq_jobs.scheduled
    where id = $1
    union all
    select waiting.id, 'ready', waiting.task, waiting.queue, waiting.priority, waiting.attempt,
           waiting.max_attempts, waiting.deliveries, waiting.deaths, waiting.created_at, null, null, null,
           null, null, waiting.marks
    from lane
    cross join lateral (
        select id, task, queue, priority, attempt, max_attempts, deliveries, deaths, marks, created_at
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) = lane.hash
          and ready.seq = $1
          and ready.id = $1
        limit 1
    ) as waiting
    union all
    select id, 'ready', task, queue, priority, attempt, max_attempts, deliveries, deaths, created_at,
           null, null, null, null, null, marks
    from pgq_jobs.ready
    where id = $1 and id <> seq
    union all
    select held.id, 'running', held.task, held.queue, held.priority, held.attempt, held.max_attempts,
           held.deliveries, held.deaths, held.created_at, null, held.claimed_at, null, null, null,
           held.marks
    from pgq_jobs.worker as worker
    cross join lateral (
        select id, task, queue, priority, attempt, max_attempts, deliveries, deaths, marks, created_at,
               claimed_at
        from pgq_jobs.running as running
        where running.worker = worker.id and running.id = $1
        limit 1
    ) as held
    union all
    select ended.id, (array ['completed', 'failed', 'cancelled', 'expired'])[ended.state], ended.task,
           ended.queue, ended.priority, ended.attempt, ended.max_attempts, ended.deliveries,
           ended.deaths, ended.created_at, null, ended.claimed_at, ended.finished_at,
           (select value from pgq_jobs.result where job = $1 limit 1), ended.error, ended.marks
    from kind
    cross join lateral (
        select id, state, task, queue, priority, attempt, max_attempts, deliveries, deaths, marks,
               created_at, claimed_at, finished_at, error
        from pgq_jobs.finished as finished
        where hashtextextended(finished.task, hashtextextended(finished.queue, 0)) = kind.hash
          and finished.id = $1
        limit 1
    ) as ended
)
select found.id, found.state, found.task, found.queue, found.priority, found.attempt,
       found.max_attempts, found.deliveries, found.deaths, found.created_at, found.run_at,
       found.claimed_at, found.finished_at, found.result, found.error,
       case
           when found.marks & 4 <> 0
               then (
                   select to_json(detail)::text
                   from pgq_jobs.detail as detail
                   where detail.job = found.id
                   limit 1
               )
       end as detail
from found;
