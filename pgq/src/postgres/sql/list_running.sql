-- Lists running jobs, newest first. What a worker holds is bounded, so all of it is looked at.
--
-- $1 queue   text, or null
-- $2 task    text, or null
-- $3 before  bigint: only jobs with a smaller id
-- $4 limit   bigint
-- $5 from    timestamptz, or null: only jobs that were enqueued then or later
-- $6 until   timestamptz, or null: only jobs that were enqueued before
select held.id as position, held.id, 'running' as state, held.task, held.queue, held.priority,
       held.attempt, held.max_attempts, held.deliveries, held.deaths, held.created_at,
       null::timestamptz as run_at, held.claimed_at, null::timestamptz as finished_at,
       null::bytea as result, null::text as error,
       case
           when held.marks & 4 <> 0
               then (
                   select to_json(detail)::text
                   from pgq_jobs.detail as detail
                   where detail.job = held.id
                   limit 1
               )
       end as detail
from pgq_jobs.worker as worker
cross join lateral (
    select id, task, queue, priority, attempt, max_attempts, deliveries, deaths, created_at,
           claimed_at, marks
    from pgq_jobs.running as running
    where running.worker = worker.id
      and running.id < $3
      and ($1::text is null or running.queue = $1)
      and ($2::text is null or running.task = $2)
      and ($5::timestamptz is null or running.created_at >= $5)
      and ($6::timestamptz is null or running.created_at < $6)
    order by running.id desc
    limit $4
) as held
order by held.id desc
limit $4;
