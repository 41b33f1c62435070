-- Adds a worker, unless its id is taken.
--
-- $1 worker  bigint
-- $2 lease   bigint, in microseconds
-- $3 pid     int
-- $4 host    text
-- $5 queues  text[]
insert into pgq_jobs.worker (id, lease_until, pid, host, queues)
values ($1, now() + $2::bigint * interval '1 microsecond', $3, $4, $5)
on conflict (id) do nothing;
