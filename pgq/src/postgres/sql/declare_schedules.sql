-- Adds the schedules that are new, and updates those whose declaration has changed. A schedule
-- whose expression changed begins anew: ticks of the new one that lie in the past do not fire.
--
-- $1 names        text[]
-- $2 tasks        text[]
-- $3 expressions  text[]
insert into pgq_jobs.schedule (name, task, expression, last_tick)
select name, task, expression, now()
from unnest($1::text[], $2::text[], $3::text[]) as declared (name, task, expression)
order by name
on conflict (name) do update
set task = excluded.task,
    expression = excluded.expression,
    last_tick = case
        when schedule.expression = excluded.expression then schedule.last_tick
        else greatest(schedule.last_tick, excluded.last_tick)
    end,
    declared_at = now()
where (schedule.task, schedule.expression) is distinct from (excluded.task, excluded.expression);
