-- Ends jobs that wait and were not started by the time they expire.
--
-- $1 limit      bigint: how many jobs are looked at
-- $2 retention  smallint, in hours; of the jobs that end
--
-- What is looked at is not looked at again, unless the job waits and was about to be moved. Jobs that a
-- worker has, or that have ended, are left alone. Those in `ready` are found as by `find_job`.
with recursive lane (hash) as (
    (
        select hashtextextended(queue, priority)
        from pgq_jobs.ready
        order by hashtextextended(queue, priority)
        limit 1
    )
    union all
    select (
        select hashtextextended(ready.queue, ready.priority)
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) > lane.hash
        order by hashtextextended(ready.queue, ready.priority)
        limit 1
    )
    from lane
    where lane.hash is not null
), due as materialized (
    delete from pgq_jobs.expiry
    where ctid = any (array(
        select ctid
        from pgq_jobs.expiry
        where expires_at <= now()
        order by expires_at
        limit $1
        for update skip locked
    ))
    returning job
), late as materialized (
    select distinct due.job
    from due
    cross join lateral (
        select
        from pgq_jobs.detail as detail
        where detail.job = due.job and detail.expires_at <= now()
        limit 1
    ) as own
), scheduled_late as materialized (
    select late.job, waiting.ctid as place
    from late
    cross join lateral (
        select scheduled.ctid
        from pgq_jobs.scheduled as scheduled
        where scheduled.id = late.job and scheduled.marks & 8 <> 0
        limit 1
    ) as waiting
), ready_late as materialized (
    select late.job, waiting.ctid as place
    from late
    cross join lane
    cross join lateral (
        select ready.ctid
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) = lane.hash
          and ready.seq = late.job
          and ready.id = late.job
          and ready.marks & 8 <> 0
        limit 1
    ) as waiting
    union all
    select late.job, waiting.ctid
    from late
    cross join lateral (
        select ready.ctid
        from pgq_jobs.ready as ready
        where ready.id = late.job and ready.id <> ready.seq and ready.marks & 8 <> 0
        limit 1
    ) as waiting
), from_scheduled as (
    delete from pgq_jobs.scheduled
    where ctid = any (array(select place from scheduled_late))
    returning id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
              marks, queue, task, input
), from_ready as (
    delete from pgq_jobs.ready
    where ctid = any (array(select place from ready_late))
    returning id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
              marks, queue, task, input
), ended as materialized (
    select id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths, marks,
           queue, task, input
    from from_scheduled
    union all
    select id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths, marks,
           queue, task, input
    from from_ready
), over as (
    insert into pgq_jobs.finished
        (id, fingerprint, created_at, finished_at, deliveries, state, retention, priority, attempt,
         max_attempts, deaths, marks, queue, task, input)
    select id, fingerprint, created_at, now(), deliveries, 4, $2, priority, attempt, max_attempts,
           deaths, marks, queue, task, input
    from ended
), freed as (
    delete from pgq_jobs.unique_key
    where until is null
      and job = any (array(select id from ended where marks & 2 <> 0))
), again as (
    insert into pgq_jobs.expiry (job, expires_at)
    select seen.job, now()
    from (
        select job from scheduled_late
        union all
        select job from ready_late
    ) as seen
    where seen.job not in (select id from ended)
)
select (select count(*) from ended) as jobs,
       (select count(*) from due) as looked;
