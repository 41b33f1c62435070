-- Names a task that has a ready job in a queue and is unknown to this worker.
--
-- $1 queue  text
-- $2 tasks  text[]
select other.task
from generate_series(9, 0, -1) as lane (priority)
cross join lateral (
    select ready.task
    from pgq_jobs.ready as ready
    where hashtextextended(ready.queue, ready.priority) = hashtextextended($1, lane.priority)
      and ready.queue = $1
      and ready.task <> all ($2)
    order by ready.seq
    limit 1
) as other
limit 1;
