-- Names schedules that have changed, in the order of the changes, and the current time.
--
-- $1 after  bigint, the last change that is known
-- $2 names  text[]: those that a worker declares
-- $3 tasks  text[]: those that it knows
-- $4 limit  bigint
--
-- There is one row at least: of no change the time alone is told, the last change of any schedule, the last
-- deletion, whatever was deleted, and the last question about an input.
select clock_timestamp() as now,
       greatest((select max(revision) from pgq_jobs.schedule), deletion.revision) as last,
       deletion.revision as deleted,
       coalesce((select max(revision) from pgq_jobs.input_question), 0) as asked,
       changed.revision, changed.name
from pgq_jobs.schedule_deletion as deletion
left join (
    select schedule.revision, schedule.name
    from pgq_jobs.schedule as schedule
    where schedule.revision > $1
      and (schedule.name = any ($2) or schedule.made and schedule.task = any ($3))
    order by schedule.revision
    limit $4
) as changed on true
order by changed.revision;
