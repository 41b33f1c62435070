-- A worker keeps no schedule any more, since it ticks no more.
--
-- $1 worker  bigint
update pgq_jobs.worker
set declarations = '{}'
where id = $1 and declarations <> '{}';
