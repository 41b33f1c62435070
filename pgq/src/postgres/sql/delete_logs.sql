-- Deletes what was logged by attempts of jobs of which nothing else is left.
--
-- $1 jobs  bigint[]
delete from pgq_jobs.attempt_log
where job = any ($1);
