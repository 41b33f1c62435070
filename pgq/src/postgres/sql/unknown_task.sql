-- Names a task that has a ready job in a queue and is unknown to this worker.
--
-- $1 queue  text
-- $2 tasks  text[]
select task
from pgq_jobs.ready
where queue = $1
  and task <> all ($2)
limit 1;
