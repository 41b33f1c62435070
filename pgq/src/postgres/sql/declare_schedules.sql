-- Adds the schedules that are new, and updates those whose declaration has changed. A schedule
-- whose expression, zone, start or end changed begins anew: ticks of the new one that lie in the
-- past do not fire.
--
-- $1 names        text[]
-- $2 tasks        text[]
-- $3 expressions  text[]
-- $4 time zones   text[]
-- $5 starts       timestamptz[], null where it always ticks
-- $6 ends         timestamptz[], null where it goes on
-- $7 digests      bigint[]
insert into pgq_jobs.schedule
    (name, task, expression, time_zone, starts_at, ends_at, digest, last_tick)
select name, task, expression, time_zone, starts_at, ends_at, digest, now()
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
            $7::bigint[])
    as declared (name, task, expression, time_zone, starts_at, ends_at, digest)
order by name
on conflict (name) do update
set task = excluded.task,
    expression = excluded.expression,
    time_zone = excluded.time_zone,
    starts_at = excluded.starts_at,
    ends_at = excluded.ends_at,
    digest = excluded.digest,
    last_tick = case
        when schedule.digest = excluded.digest then schedule.last_tick
        else greatest(schedule.last_tick, excluded.last_tick)
    end,
    declared_at = now()
where (schedule.task, schedule.digest) is distinct from (excluded.task, excluded.digest);
