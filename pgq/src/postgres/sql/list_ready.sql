-- Lists ready jobs, those first that became ready last, and says how far it looked.
--
-- $1 queue   text, or null
-- $2 task    text, or null
-- $3 before  bigint: only jobs with a smaller `seq`
-- $4 limit   bigint
-- $5 walk    bigint: how many jobs are looked at
-- $6 from    timestamptz, or null: only jobs that were enqueued then or later
-- $7 until   timestamptz, or null: only jobs that were enqueued before
with recursive lane (hash, queue) as (
    (
        select hashtextextended(queue, priority), queue
        from pgq_jobs.ready
        order by hashtextextended(queue, priority)
        limit 1
    )
    union all
    select next.hash, next.queue
    from lane
    cross join lateral (
        select hashtextextended(ready.queue, ready.priority) as hash, ready.queue
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) > lane.hash
        order by hashtextextended(ready.queue, ready.priority)
        limit 1
    ) as next
), walked as materialized (
    select waiting.seq, waiting.id, waiting.task, waiting.queue, waiting.priority,
           waiting.attempt, waiting.max_attempts, waiting.deliveries, waiting.deaths,
           waiting.created_at, waiting.marks
    from lane
    cross join lateral (
        select seq, id, task, queue, priority, attempt, max_attempts, deliveries, deaths,
               created_at, marks
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) = lane.hash
          and ready.seq < $3
        order by ready.seq desc
        limit $5
    ) as waiting
    where $1::text is null or lane.queue = $1
    order by waiting.seq desc
    limit $5
), walk as (
    select count(*) as jobs, min(seq) as reached
    from walked
)
select walk.jobs as walked, walk.reached, found.seq as position, found.id, 'ready' as state,
       found.task, found.queue, found.priority, found.attempt, found.max_attempts,
       found.deliveries, found.deaths, found.created_at, null::timestamptz as run_at,
       null::timestamptz as claimed_at, null::timestamptz as finished_at, null::bytea as result,
       null::text as error,
       case
           when found.marks & 4 <> 0
               then (
                   select to_json(detail)::text
                   from pgq_jobs.detail as detail
                   where detail.job = found.id
                   limit 1
               )
       end as detail
from walk
left join lateral (
    select seq, id, task, queue, priority, attempt, max_attempts, deliveries, deaths, created_at,
           marks
    from walked
    where ($2::text is null or task = $2)
      and ($6::timestamptz is null or created_at >= $6)
      and ($7::timestamptz is null or created_at < $7)
    order by seq desc
    limit $4
) as found on true
order by found.seq desc;
