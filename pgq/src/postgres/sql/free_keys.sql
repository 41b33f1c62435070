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
-- $11 looked       bigint, how many permits of each name are looked at to find the others
--
-- Of a concurrency key those are told that the worker may take, of an order those that come first. Nothing
-- is locked here, so that nobody is waited for. A row without a job says that there are none, one without
-- `is_ours` that the job waits no more: it was cancelled, say.
--
-- `is not distinct from` keeps the planner from the index over times: all that wait have one time. And the
-- order keeps it from walking all that waits for other keys of the task.
with free as materialized (
    select of_task.key
    from unnest($1::text[]) as name (task)
    cross join lateral (
        select permit.key
        from pgq_jobs.key_permit as permit
        where permit.task = name.task and permit.worker is null and permit.key > $3
        order by permit.key
        limit $11
    ) as of_task
    order by of_task.key
    limit $11
), batch as materialized (
    -- What only others can take is left to them. These are in the order of the keys.
    select free.key
    from free
    where coalesce(
        (
            select true
            from pgq_jobs.set_aside as set_aside
            where set_aside.key = free.key and set_aside.line = $7
            order by set_aside.place
            limit 1
        ),
        (
            select coalesce(
                (select scheduled.queue = $7 from pgq_jobs.scheduled where id = first.job limit 1), true
            )
            from (
                select set_aside.job
                from pgq_jobs.set_aside as set_aside
                where set_aside.key = free.key and set_aside.line = ''
                order by set_aside.place
                limit 1
            ) as first
        ),
        (
            select set_aside.job
            from pgq_jobs.set_aside as set_aside
            where set_aside.key = free.key
            order by set_aside.line, set_aside.place
            limit 1
        ) is null
    )
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
select freed.key, freed.kind, freed.held, freed.worthless, waiting.job, waiting.place, waiting.line,
       waiting.is_ours,
       case
           when (select count(*) from batch) >= $4 then (select max(key) from batch)
           when (select count(*) from free) >= $11 then (select max(key) from free)
       end as after
from freed
left join lateral (
    select own.job, own.place, own.line, aside.is_ours
    from (
        select set_aside.job, set_aside.place, set_aside.line
        from pgq_jobs.set_aside as set_aside
        where set_aside.key = freed.key
          and set_aside.line = case freed.kind when 1 then '' else $7 end
        order by set_aside.place
        limit 1000
    ) as own
    left join lateral (
        select scheduled.queue = $7
               and scheduled.task = any ($8)
               and ($9::bigint[] is null or scheduled.fingerprint is null
                    or scheduled.fingerprint = any ($9))
               and scheduled.id <= coalesce($10::bigint, 9223372036854775807) as is_ours
        from pgq_jobs.scheduled as scheduled
        where scheduled.id = own.job
          and scheduled.run_at is not distinct from '9999-01-01 00:00:00+00'
        limit 1
    ) as aside on true
    where freed.kind = 1 or aside.is_ours is distinct from false
    order by own.place
    limit 4 + least(freed.free, case freed.kind when 1 then 1 else $6::bigint end)
) as waiting on true
order by freed.key, waiting.place;
