-- Gives keys to jobs that this transaction has claimed; the task's keys are locked by it.
--
-- $1 task    text, the name that its keys go by
-- $2 worker  bigint
-- $3 keys    bigint[]
-- $4 kinds   smallint[]
-- $5 jobs    bigint[]
insert into pgq_jobs.key_permit as key_permit (key, job, worker, kind, task)
select taken.key, taken.job, $2, taken.kind, $1
from unnest($3::bigint[], $4::smallint[], $5::bigint[]) as taken (key, kind, job)
on conflict (key, job) do update
set worker = excluded.worker
where key_permit.worker is distinct from excluded.worker;
