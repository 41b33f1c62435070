-- Deletes permits that are worth nothing and that nobody waits for any more, and what is left of jobs that
-- wait no more; tells workers of jobs that wait for keys that are free. The task's keys are locked by this
-- transaction.
--
-- $1 keys     bigint[], of the permits
-- $2 jobs     bigint[], of the permits
-- $3 passed   bigint[], keys that jobs were in front of which wait no more
-- $4 queues   text[], whose workers are told
-- $5 channel  text
--
-- A limit that the planner does not know keeps it from an index that would have to be sorted.
with dropped as (
    delete from pgq_jobs.key_permit
    where ctid = any (array(
        select held.ctid
        from unnest($1::bigint[], $2::bigint[]) as worthless (key, job)
        cross join lateral (
            select permit.ctid
            from pgq_jobs.key_permit as permit
            where permit.key = worthless.key
              and permit.job = worthless.job
              and permit.worker is null
            limit 1
            for update skip locked
        ) as held
    ))
), passed as (
    delete from pgq_jobs.set_aside
    where ctid = any (array(
        select gone.ctid
        from unnest($3::bigint[]) as passed (key)
        cross join lateral (
            select set_aside.ctid
            from pgq_jobs.set_aside as set_aside
            where set_aside.key = passed.key
              and (
                  select scheduled.run_at
                  from pgq_jobs.scheduled as scheduled
                  where scheduled.id = set_aside.job
                  limit 1
              ) is distinct from '9999-01-01 00:00:00+00'
            order by set_aside.place
            limit (select 1000)
            for update skip locked
        ) as gone
    ))
)
select pgq_jobs.wake($5, 'ready ' || queue) as woken
from unnest($4::text[]) as told (queue);
