-- Gives keys to jobs that this transaction has claimed, and takes the worth from permits of others; the
-- task's keys are locked by it.
--
-- $1 task    text, the name that its keys go by
-- $2 worker  bigint
-- $3 keys    bigint[]
-- $4 kinds   smallint[]
-- $5 jobs    bigint[]
-- $6 held    boolean[], whether the job has the key
insert into pgq_jobs.key_permit as key_permit (key, job, worker, kind, task)
select taken.key, taken.job, case when taken.held then $2::bigint end, taken.kind, $1
from unnest($3::bigint[], $4::smallint[], $5::bigint[], $6::boolean[])
    as taken (key, kind, job, held)
on conflict (key, job) do update
set worker = excluded.worker
where key_permit.worker is distinct from excluded.worker;
