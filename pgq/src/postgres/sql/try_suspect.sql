-- Notes that a worker is about to run a suspect, alone among its suspects; finds no row if the worker has
-- been rescued, or is about to be.
--
-- $1 worker  bigint
-- $2 job     bigint
update pgq_jobs.worker
set trial = $2
where id = $1 and lease_until > 'epoch';
