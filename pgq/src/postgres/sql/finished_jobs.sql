-- Which of some jobs have ended.
--
-- $1 jobs  bigint[]
--
-- The kinds of `finished` are few: in each the jobs are looked up by the index. The recursive query
-- steps from one kind to the next.
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
)
select ended.id
from kind
cross join unnest($1::bigint[]) as wanted (job)
cross join lateral (
    select finished.id
    from pgq_jobs.finished as finished
    where hashtextextended(finished.task, hashtextextended(finished.queue, 0)) = kind.hash
      and finished.id = wanted.job
    limit 1
) as ended;
