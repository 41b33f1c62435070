-- Finds what an attempt of a job reported last.
--
-- $1 job  bigint
select attempt, done, total, message, updated_at
from pgq_jobs.progress
where job = $1;
