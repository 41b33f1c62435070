-- Returns where schedules stand, by name and without their inputs, and the current time.
--
-- $1 after  text, the name after which they come, or null
-- $2 limit  bigint
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
left join (
    select page.name
    from pgq_jobs.schedule as page
    where $1::text is null or page.name > $1
    order by page.name
    limit $2
) as page on true
left join pgq_jobs.schedule as schedule on schedule.name = page.name
order by schedule.name;
