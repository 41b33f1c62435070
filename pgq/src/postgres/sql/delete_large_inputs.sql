-- Deletes the inputs that are kept apart of jobs of which nothing else is left.
--
-- $1 jobs  bigint[]
delete from pgq_jobs.large_input
where job = any ($1);
