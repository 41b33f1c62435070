-- A worker keeps no schedule any more, since it ticks no more.
--
-- $1 worker  bigint
update pgq_jobs.worker
set declarations = '{}', ticks = false
where id = $1 and (ticks or declarations <> '{}');
