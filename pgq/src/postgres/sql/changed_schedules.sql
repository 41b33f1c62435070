-- Names schedules that have changed, in the order of the changes, and the current time.
--
-- $1 after  bigint, the last change that is known
-- $2 names  text[]: those that a worker declares
-- $3 tasks  text[]: those that it knows
-- $4 limit  bigint
--
-- There is one row at least: of no change the time alone is told, and the last change of any schedule.
select clock_timestamp() as now, coalesce((select max(revision) from pgq_jobs.schedule), 0) as last,
       changed.revision, changed.name
from (select) as always
left join (
    select schedule.revision, schedule.name
    from pgq_jobs.schedule as schedule
    where schedule.revision > $1
      and (schedule.name = any ($2) or schedule.made and schedule.task = any ($3))
    order by schedule.revision
    limit $4
) as changed on true
order by changed.revision;
