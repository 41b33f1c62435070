-- Lists jobs of one state that have ended, newest first, and says how far it looked.
--
-- $1 state    smallint
-- $2 queue    text, or null
-- $3 task     text, or null
-- $4 before   bigint: only jobs with a smaller id
-- $5 limit    bigint
-- $6 walk     bigint: how many jobs are looked at
-- $7 from     timestamptz, or null: only jobs that were enqueued then or later
-- $8 until    timestamptz, or null: only jobs that were enqueued before
-- $9 results  boolean: whether results are read
--
-- The kinds are few: the recursive query steps from one to the next, and each is asked for its
-- newest jobs by the index.
with recursive kind (hash, queue, task) as (
    (
        select hashtextextended(task, hashtextextended(queue, 0)), queue, task
        from pgq_jobs.finished
        where state = $1
        order by hashtextextended(task, hashtextextended(queue, 0))
        limit 1
    )
    union all
    select next.hash, next.queue, next.task
    from kind
    cross join lateral (
        select hashtextextended(finished.task, hashtextextended(finished.queue, 0)) as hash,
               finished.queue, finished.task
        from pgq_jobs.finished as finished
        where finished.state = $1
          and hashtextextended(finished.task, hashtextextended(finished.queue, 0)) > kind.hash
        order by hashtextextended(finished.task, hashtextextended(finished.queue, 0))
        limit 1
    ) as next
), walked as materialized (
    select ended.id, ended.state, ended.task, ended.queue, ended.priority, ended.attempt,
           ended.max_attempts, ended.deliveries, ended.deaths, ended.created_at, ended.claimed_at,
           ended.finished_at, ended.error, ended.marks
    from kind
    cross join lateral (
        select id, state, task, queue, priority, attempt, max_attempts, deliveries, deaths,
               created_at, claimed_at, finished_at, error, marks
        from pgq_jobs.finished as finished
        where hashtextextended(finished.task, hashtextextended(finished.queue, 0)) = kind.hash
          and finished.state = $1
          and finished.id < $4
        order by finished.id desc
        limit $6
    ) as ended
    where ($2::text is null or kind.queue = $2)
      and ($3::text is null or kind.task = $3)
    order by ended.id desc
    limit $6
), walk as (
    select count(*) as jobs, min(id) as reached
    from walked
)
select walk.jobs as walked, walk.reached, found.id as position, found.id,
       (array ['completed', 'failed', 'cancelled', 'expired'])[found.state] as state, found.task,
       found.queue, found.priority, found.attempt, found.max_attempts, found.deliveries,
       found.deaths, found.created_at, null::timestamptz as run_at, found.claimed_at,
       found.finished_at,
       case
           when $9 then (select value from pgq_jobs.result where job = found.id limit 1)
       end as result,
       found.error,
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
    select id, state, task, queue, priority, attempt, max_attempts, deliveries, deaths, created_at,
           claimed_at, finished_at, error, marks
    from walked
    where ($7::timestamptz is null or created_at >= $7)
      and ($8::timestamptz is null or created_at < $8)
    order by id desc
    limit $5
) as found on true
order by found.id desc;
