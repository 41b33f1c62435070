-- Adds the schedules that are new, and updates those whose declaration has changed. A schedule
-- whose expression or zone changed begins anew: ticks of the new one that lie in the past do not
-- fire.
--
-- $1 names        text[]
-- $2 tasks        text[]
-- $3 expressions  text[]
-- $4 time zones   text[]
insert into pgq_jobs.schedule (name, task, expression, time_zone, last_tick)
select name, task, expression, time_zone, now()
from unnest($1::text[], $2::text[], $3::text[], $4::text[])
    as declared (name, task, expression, time_zone)
order by name
on conflict (name) do update
set task = excluded.task,
    expression = excluded.expression,
    time_zone = excluded.time_zone,
    last_tick = case
        when (schedule.expression, schedule.time_zone) = (excluded.expression, excluded.time_zone)
            then schedule.last_tick
        else greatest(schedule.last_tick, excluded.last_tick)
    end,
    declared_at = now()
where (schedule.task, schedule.expression, schedule.time_zone)
    is distinct from (excluded.task, excluded.expression, excluded.time_zone);
