-- Finds those of some jobs that are in some tables.
--
-- $1 jobs     bigint[]
-- $2 tables   text[]: `scheduled`, `ready`, `running`, `finished`
-- $3 state    smallint, of those that have ended
-- $4 results  boolean: whether results are read
--
-- They are found as in `find_job`.
with recursive lane (hash) as (
    (
        select hashtextextended(queue, priority)
        from pgq_jobs.ready
        where 'ready' = any ($2)
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
        where state = $3
        order by hashtextextended(task, hashtextextended(queue, 0))
        limit 1
    )
    union all
    select (
        select hashtextextended(finished.task, hashtextextended(finished.queue, 0))
        from pgq_jobs.finished as finished
        where finished.state = $3
          and hashtextextended(finished.task, hashtextextended(finished.queue, 0)) > kind.hash
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
    where 'scheduled' = any ($2) and id = any ($1)
    union all
    select waiting.id, 'ready', waiting.task, waiting.queue, waiting.priority, waiting.attempt,
           waiting.max_attempts, waiting.deliveries, waiting.deaths, waiting.created_at, null, null, null,
           null, null, waiting.marks
    from lane
    cross join unnest($1::bigint[]) as wanted (job)
    cross join lateral (
        select id, task, queue, priority, attempt, max_attempts, deliveries, deaths, created_at, marks
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) = lane.hash
          and ready.seq = wanted.job
          and ready.id = wanted.job
        limit 1
    ) as waiting
    union all
    select id, 'ready', task, queue, priority, attempt, max_attempts, deliveries, deaths, created_at,
           null, null, null, null, null, marks
    from pgq_jobs.ready
    where 'ready' = any ($2) and id = any ($1) and id <> seq
    union all
    select held.id, 'running', held.task, held.queue, held.priority, held.attempt, held.max_attempts,
           held.deliveries, held.deaths, held.created_at, null, held.claimed_at, null, null, null,
           held.marks
    from pgq_jobs.worker as worker
    cross join unnest($1::bigint[]) as wanted (job)
    cross join lateral (
        select id, task, queue, priority, attempt, max_attempts, deliveries, deaths, created_at,
               claimed_at, marks
        from pgq_jobs.running as running
        where running.worker = worker.id and running.id = wanted.job
        limit 1
    ) as held
    where 'running' = any ($2)
    union all
    select ended.id, (array ['completed', 'failed', 'cancelled', 'expired'])[ended.state], ended.task,
           ended.queue, ended.priority, ended.attempt, ended.max_attempts, ended.deliveries,
           ended.deaths, ended.created_at, null, ended.claimed_at, ended.finished_at,
           case when $4 then (select value from pgq_jobs.result where job = ended.id limit 1) end,
           ended.error, ended.marks
    from kind
    cross join unnest($1::bigint[]) as wanted (job)
    cross join lateral (
        select id, state, task, queue, priority, attempt, max_attempts, deliveries, deaths, created_at,
               claimed_at, finished_at, error, marks
        from pgq_jobs.finished as finished
        where hashtextextended(finished.task, hashtextextended(finished.queue, 0)) = kind.hash
          and finished.id = wanted.job
          and finished.state = $3
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
