-- Says which queues a worker serves now.
--
-- $1 worker  bigint
-- $2 queues  text[]
update pgq_jobs.worker
set queues = $2
where id = $1;
