-- Lists jobs of one state that have ended, newest first.
--
-- $1 state   smallint
-- $2 queue   text, or null
-- $3 task    text, or null
-- $4 before  bigint: only jobs with a smaller id
-- $5 limit   bigint
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
)
select newest.id as position, newest.id,
       (array ['completed', 'failed', 'cancelled', 'expired'])[newest.state] as state, newest.task,
       newest.queue, newest.priority, newest.attempt, newest.max_attempts, newest.deliveries,
       newest.deaths, newest.created_at, null::timestamptz as run_at, newest.claimed_at,
       newest.finished_at,
       (select value from pgq_jobs.result where job = newest.id limit 1) as result, newest.error,
       case
           when newest.marks & 4 <> 0
               then (
                   select to_json(detail)::text
                   from pgq_jobs.detail as detail
                   where detail.job = newest.id
                   limit 1
               )
       end as detail
from (
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
        limit $5
    ) as ended
    where ($2::text is null or kind.queue = $2)
      and ($3::text is null or kind.task = $3)
    order by ended.id desc
    limit $5
) as newest
order by newest.id desc;
