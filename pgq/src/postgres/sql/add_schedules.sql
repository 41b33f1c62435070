-- Adds the schedules that are not there, and leaves the others as they are declared.
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
on conflict (name) do nothing;
