-- Tells which keys have permits that are worth nothing, and which jobs wait for those, in their order. The
-- task's keys are locked by this transaction, so that no more come to wait.
--
-- $1 tasks         text[], the names of the task
-- $2 keys          bigint[], which are looked at in any case
-- $3 after         bigint: of the others, only greater ones
-- $4 limit         bigint, how many others
-- $5 running       int, how many jobs of a concurrency key may run; null for no limit
-- $6 room          bigint, how many jobs the worker has room for
-- $7 queue         text, what it claims; so are the next three
-- $8 names         text[]
-- $9 fingerprints  bigint[], or null for any
-- $10 horizon      bigint, or null: only jobs that were enqueued up to this number
--
-- Nothing is locked here, so that nobody is waited for. A row without a job says that none waits, one
-- without `is_ours` that the job waits no more: it was cancelled, say.
--
-- `is not distinct from` keeps the planner from the index over times: all that wait have one time.
with batch as materialized (
    select of_task.key
    from unnest($1::text[]) as name (task)
    cross join lateral (
        select permit.key
        from pgq_jobs.key_permit as permit
        where permit.task = name.task and permit.worker is null and permit.key > $3
        order by permit.key
        limit $4
    ) as of_task
    order by of_task.key
    limit $4
), looked as materialized (
    select key
    from batch
    union
    select key
    from unnest($2::bigint[]) as freed (key)
), freed as materialized (
    select looked.key, of_key.kind, of_key.held, of_key.worthless,
           greatest(
               case of_key.kind when 1 then 1 else coalesce($5::int, 2147483647) end - of_key.held, 0
           ) as free
    from looked
    cross join lateral (
        select min(permit.kind) as kind,
               count(permit.worker) as held,
               array_agg(permit.job) filter (where permit.worker is null) as worthless
        from pgq_jobs.key_permit as permit
        where permit.key = looked.key
    ) as of_key
    where of_key.worthless is not null
)
select freed.key, freed.kind, freed.held, freed.worthless, waiting.job, waiting.place, waiting.queue,
       waiting.is_ours,
       (select max(key) from batch having count(*) >= $4) as after
from freed
left join lateral (
    select set_aside.job, set_aside.place, aside.queue, aside.is_ours
    from pgq_jobs.set_aside as set_aside
    left join lateral (
        select scheduled.queue,
               scheduled.queue = $7
               and scheduled.task = any ($8)
               and ($9::bigint[] is null or scheduled.fingerprint is null
                    or scheduled.fingerprint = any ($9))
               and scheduled.id <= coalesce($10::bigint, 9223372036854775807) as is_ours
        from pgq_jobs.scheduled as scheduled
        where scheduled.id = set_aside.job and scheduled.run_at is not distinct from '9999-01-01 00:00:00+00'
        limit 1
    ) as aside on true
    where set_aside.key = freed.key
    order by set_aside.place
    limit 4 + least(freed.free, case freed.kind when 1 then 1 else $6::bigint end)
) as waiting on true
order by freed.key, waiting.place;
