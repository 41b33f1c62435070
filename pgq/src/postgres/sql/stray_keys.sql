-- Adds a permit that is worth nothing to keys that jobs wait for and that have fewer than there may be,
-- so that they are found: a limit may have been raised. Lines of rates that have no turn have it now. The
-- task's keys are locked by this transaction.
--
-- $1 tasks    text[], the names of the task
-- $2 after    bigint: only greater keys are looked at
-- $3 limit    bigint, how many of each name
-- $4 running  int, how many jobs of a concurrency key may run; null for no limit
--
-- Returns the key to go on after, null if there are no more.
with recursive waited (task, key, number) as (
    select first.task, first.key, 1::bigint
    from unnest($1::text[]) as name (task)
    cross join lateral (
        select set_aside.task, set_aside.key
        from pgq_jobs.set_aside as set_aside
        where set_aside.task = name.task and set_aside.key > $2
        order by set_aside.key
        limit 1
    ) as first
    union all
    select next.task, next.key, waited.number + 1
    from waited
    cross join lateral (
        select set_aside.task, set_aside.key
        from pgq_jobs.set_aside as set_aside
        where set_aside.task = waited.task and set_aside.key > waited.key
        order by set_aside.key
        limit 1
    ) as next
    where waited.number < $3
), added as (
    insert into pgq_jobs.key_permit (key, job, worker, kind, task)
    select head.key, head.job, null, head.kind, head.task
    from waited
    cross join lateral (
        select set_aside.key, set_aside.job, set_aside.kind, set_aside.task
        from pgq_jobs.set_aside as set_aside
        where set_aside.key = waited.key
        order by set_aside.line, set_aside.place
        limit 1
    ) as head
    -- Rates have no permits.
    where head.kind < 3
      and case head.kind when 1 then 1 else coalesce($4::int, 2147483647) end > (
        select count(*)
        from pgq_jobs.key_permit as permit
        where permit.key = head.key
    )
    on conflict (key, job) do nothing
), stands (key, line, task) as (
    -- The lines of each key of a rate.
    select waited.key, front.line, front.task
    from waited
    cross join lateral (
        select set_aside.line, set_aside.task, set_aside.kind
        from pgq_jobs.set_aside as set_aside
        where set_aside.key = waited.key
        order by set_aside.line, set_aside.place
        limit 1
    ) as front
    where front.kind = 3
    union
    select stands.key, front.line, front.task
    from stands
    cross join lateral (
        select set_aside.line, set_aside.task
        from pgq_jobs.set_aside as set_aside
        where set_aside.key = stands.key and set_aside.line > stands.line
        order by set_aside.line, set_aside.place
        limit 1
    ) as front
), turned as (
    insert into pgq_jobs.key_turn (key, line, task, due)
    select stands.key, stands.line, stands.task, 0
    from stands
    on conflict (key, line) do nothing
)
select min(key) as after
from (
    select max(key) as key
    from waited
    group by task
    having count(*) >= $3
) as unfinished;
