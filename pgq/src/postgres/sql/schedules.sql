-- Returns where each schedule stands, and the current time. One is kept while a worker lives that
-- ticks and declares it as it is stored.
--
-- $1 names  text[]
select clock_timestamp() as now, schedule.name, schedule.last_tick, schedule.digest,
       exists (
           select
           from pgq_jobs.worker as worker
           where worker.lease_until > now() and schedule.digest = any (worker.declarations)
       ) as is_kept
from (select) as always
left join pgq_jobs.schedule as schedule on schedule.name = any ($1);
