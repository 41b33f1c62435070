-- Reads what the attempts of a job have logged, in no order.
--
-- $1 job  bigint
select attempt, ended_at, text
from pgq_jobs.attempt_log
where job = $1;
