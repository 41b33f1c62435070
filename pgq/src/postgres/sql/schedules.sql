-- Returns where each schedule stands, without its input, and the current time. One is kept while a worker
-- lives that ticks and declares it as it is stored.
--
-- $1 names  text[]
select clock_timestamp() as now, schedule.name, schedule.made, schedule.task, schedule.expression,
       schedule.time_zone, schedule.starts_at, schedule.ends_at, schedule.digest, schedule.last_tick,
       schedule.revision, schedule.paused_at, schedule.requested_at, schedule.recent, schedule.missed,
       schedule.missed_within, schedule.overlap, schedule.jitter, schedule.queue, schedule.priority, schedule.max_attempts,
       schedule.fingerprint, octet_length(schedule.input) as input_bytes, schedule.detail::text as detail,
       schedule.unique_key is not null as is_unique, schedule.unique_within, schedule.conflict,
       schedule.takes, schedule.problem,
       exists (
           select
           from pgq_jobs.worker as worker
           where worker.lease_until > now()
             and case
                 when schedule.made
                     then worker.ticks
                         and (schedule.task = any (worker.tasks) or schedule.task = any (worker.aliases))
                         and case
                             when schedule.fingerprint is not null
                                 then coalesce(schedule.fingerprint = any (worker.inputs), true)
                             else schedule.takes && worker.fingerprints
                         end
                 else schedule.digest = any (worker.declarations)
             end
       ) as is_kept
from (select) as always
left join pgq_jobs.schedule as schedule on schedule.name = any ($1)
order by schedule.name;
