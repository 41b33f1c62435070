-- Deletes the progress of jobs of which nothing else is left.
--
-- $1 jobs  bigint[]
delete from pgq_jobs.progress
where job = any ($1);
