-- Renews the lease of a worker, and tells how much it has to do; finds no row if the worker has been
-- rescued, or is about to be: then its lease is that of `rescue_jobs`.
--
-- $1 worker   bigint
-- $2 lease    bigint, in microseconds
-- $3 running  int, the jobs that it runs
update pgq_jobs.worker
set lease_until = now() + $2::bigint * interval '1 microsecond',
    heartbeat_at = now(),
    running = $3
where id = $1 and lease_until > 'epoch';
