-- Returns the last tick of each schedule, and the current time.
--
-- $1 names  text[]
select clock_timestamp() as now, schedule.name, schedule.last_tick
from (select) as always
left join pgq_jobs.schedule as schedule on schedule.name = any ($1);
