-- Names the task and the fingerprint of a ready job in a queue whose task this worker knows, and whose
-- input it does not.
--
-- $1 queue         text
-- $2 tasks         text[]
-- $3 fingerprints  bigint[]
select other.task, other.fingerprint
from generate_series(9, 0, -1) as lane (priority)
cross join lateral (
    select ready.task, ready.fingerprint
    from pgq_jobs.ready as ready
    where hashtextextended(ready.queue, ready.priority) = hashtextextended($1, lane.priority)
      and ready.queue = $1
      and ready.task = any ($2)
      and ready.fingerprint <> all ($3)
    order by ready.seq
    limit 1
) as other
limit 1;
