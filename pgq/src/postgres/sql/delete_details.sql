-- Deletes the details of jobs of which nothing else is left.
--
-- $1 jobs  bigint[]
delete from pgq_jobs.detail
where job = any ($1);
