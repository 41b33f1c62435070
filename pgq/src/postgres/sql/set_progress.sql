-- Keeps what an attempt reports of its progress; fenced by the claim token. Finds no row if the worker
-- does not hold the job under that claim.
--
-- $1 worker   bigint
-- $2 job      bigint
-- $3 claim    bigint
-- $4 done     bigint
-- $5 total    bigint
-- $6 message  text
--
-- The job is locked against its end, so that no later attempt is overwritten. A report that is lost in
-- a crash of the server is followed by another one, so this does not wait for the disk.
with quick as materialized (
    select set_config('synchronous_commit', 'off', true)
), held as materialized (
    select running.id, running.attempt
    from pgq_jobs.running as running
    cross join quick
    where running.worker = $1 and running.id = $2 and running.claim = $3
    for key share of running
)
insert into pgq_jobs.progress as kept (job, attempt, done, total, message, updated_at)
select id, attempt, $4, $5, $6, now()
from held
on conflict (job) do update
set attempt = excluded.attempt,
    done = excluded.done,
    total = excluded.total,
    message = excluded.message,
    updated_at = excluded.updated_at;
