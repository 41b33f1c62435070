-- Adds the schedules that are new, and updates those whose declaration has changed. The last tick
-- of a schedule whose expression changed stays, so that the change itself fires nothing twice.
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
    declared_at = now()
where (schedule.task, schedule.expression) is distinct from (excluded.task, excluded.expression);
