-- Reads what a worker is to do: what is paused, and which of its jobs are to be cancelled; and the number
-- of the last change of a schedule, or question about an input. Requests that a job has left behind are deleted.
--
-- $1 worker  bigint
with stale as (
    delete from pgq_jobs.cancel_request as request
    where request.worker = $1
      and not exists (
          select
          from pgq_jobs.running as running
          where running.worker = $1 and running.id = request.job and running.claim = request.claim
      )
)
select kind, name, null::bigint as job, null::bigint as claim, null::bigint as schedules
from pgq_jobs.pause
union all
select null, null, request.job, request.claim, null
from pgq_jobs.cancel_request as request
where request.worker = $1
union all
select null, null, null, null,
       greatest(
           revision,
           (select max(revision) from pgq_jobs.schedule),
           (select max(revision) from pgq_jobs.input_question)
       )
from pgq_jobs.schedule_deletion;
