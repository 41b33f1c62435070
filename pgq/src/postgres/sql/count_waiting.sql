-- Counts what waits in each queue, up to a limit, and says since when the first of it has waited.
--
-- $1 limit  bigint: how many jobs of a lane are counted
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
)
select lane.queue, sum(waiting.jobs)::bigint as jobs, bool_or(waiting.jobs = $1) as more,
       (extract(epoch from clock_timestamp() - min(waiting.since)) * 1000000)::bigint as waited
from lane
cross join lateral (
    select count(*) as jobs, min(created_at) as since
    from (
        select ready.created_at
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) = lane.hash
        order by ready.seq
        limit $1
    ) as first
) as waiting
group by lane.queue
order by lane.queue;
