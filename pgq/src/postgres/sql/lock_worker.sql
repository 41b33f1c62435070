-- Locks a worker, before its jobs are taken in the next statement of the transaction; waits for a claim that
-- is under way.
--
-- $1 worker  bigint
select id
from pgq_jobs.worker
where id = $1
for update;
