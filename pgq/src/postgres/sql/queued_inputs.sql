-- Counts the jobs that have not ended by state, task and fingerprint, of the first that are met in
-- each table.
--
-- $1 limit  bigint
select state, task, fingerprint, count(*) as jobs
from (
    (
        select 'scheduled' as state, task, fingerprint
        from pgq_jobs.scheduled
        limit $1
    )
    union all
    (
        select 'ready', task, fingerprint
        from pgq_jobs.ready
        limit $1
    )
    union all
    (
        select 'running', task, fingerprint
        from pgq_jobs.running
        limit $1
    )
) as queued
group by state, task, fingerprint;
