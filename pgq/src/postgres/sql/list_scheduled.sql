-- Lists scheduled jobs, newest first, and says how far it looked.
--
-- $1 queue   text, or null
-- $2 task    text, or null
-- $3 before  bigint: only jobs with a smaller id
-- $4 limit   bigint
-- $5 walk    bigint: how many jobs are looked at
-- $6 from    timestamptz, or null: only jobs that were enqueued then or later
-- $7 until   timestamptz, or null: only jobs that were enqueued before
with walked as materialized (
    select id, task, queue, priority, attempt, max_attempts, deliveries, deaths, created_at,
           run_at, error, marks
    from pgq_jobs.scheduled
    where id < $3
    order by id desc
    limit $5
), walk as (
    select count(*) as jobs, min(id) as reached
    from walked
)
select walk.jobs as walked, walk.reached, found.id as position, found.id, 'scheduled' as state,
       found.task, found.queue, found.priority, found.attempt, found.max_attempts,
       found.deliveries, found.deaths, found.created_at, found.run_at,
       null::timestamptz as claimed_at, null::timestamptz as finished_at, null::bytea as result,
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
    select id, task, queue, priority, attempt, max_attempts, deliveries, deaths, created_at,
           run_at, error, marks
    from walked
    where ($1::text is null or queue = $1)
      and ($2::text is null or task = $2)
      and ($6::timestamptz is null or created_at >= $6)
      and ($7::timestamptz is null or created_at < $7)
    order by id desc
    limit $4
) as found on true
order by found.id desc;
