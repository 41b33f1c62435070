-- Deletes permits that are worth nothing and that nobody will need, and what is left of jobs that wait no
-- more; tells workers of jobs that wait for keys that are free. The task's keys are locked by this
-- transaction.
--
-- $1 keys     bigint[], of permits that nobody will need
-- $2 jobs     bigint[], of those
-- $3 free     bigint[], all keys that were found to be free: if nobody waits for one, its permits go, too
-- $4 passed   bigint[], keys that jobs were in front of which wait no more
-- $5 lines    text[], in which they were
-- $6 told     bigint[], keys whose waiting jobs are told of, one of the first and of the last line
-- $7 channel  text
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
        union all
        select held.ctid
        from unnest($3::bigint[]) as free (key)
        cross join lateral (
            select permit.ctid
            from pgq_jobs.key_permit as permit
            where permit.key = free.key and permit.worker is null
            limit (select 1000)
            for update skip locked
        ) as held
        where (
            select set_aside.job
            from pgq_jobs.set_aside as set_aside
            where set_aside.key = free.key
            order by set_aside.line, set_aside.place
            limit 1
        ) is null
    ))
), passed as (
    delete from pgq_jobs.set_aside
    where ctid = any (array(
        select gone.ctid
        from unnest($4::bigint[], $5::text[]) as passed (key, line)
        cross join lateral (
            select front.ctid, front.job
            from pgq_jobs.set_aside as front
            where front.key = passed.key and front.line = passed.line
            order by front.place
            limit (select 1000)
            for update skip locked
        ) as gone
        where (
            select scheduled.run_at
            from pgq_jobs.scheduled as scheduled
            where scheduled.id = gone.job
            limit 1
        ) is distinct from '9999-01-01 00:00:00+00'
    ))
)
select pgq_jobs.wake($7, 'ready ' || queue) as woken
from (
    select distinct (
        select scheduled.queue
        from pgq_jobs.scheduled as scheduled
        where scheduled.id = first.job
        limit 1
    ) as queue
    from unnest($6::bigint[]) as told (key)
    cross join lateral (
        (
            select set_aside.job
            from pgq_jobs.set_aside as set_aside
            where set_aside.key = told.key
            order by set_aside.line, set_aside.place
            limit 1
        )
        union all
        (
            select set_aside.job
            from pgq_jobs.set_aside as set_aside
            where set_aside.key = told.key
            order by set_aside.line desc, set_aside.place desc
            limit 1
        )
    ) as first
) as queues
where queue is not null;
