-- Ends jobs that wait and were not started by the time they expire.
--
-- $1 limit       bigint: how many jobs are looked at
-- $2 retention   smallint, in hours; of the jobs that end
-- $3 cursor      timestamptz, or null: only jobs that expire then or later are looked at
-- $4 tasks       text[], whose jobs are kept for as long as
-- $5 retentions  smallint[] says, in hours
-- $6 channel     text
--
-- What is looked at is not looked at again, unless the job waits and was about to be moved. Jobs that a
-- worker has, or that have ended, are left alone. A job that is ready for the first time is found in its
-- lane, which was noted.
--
-- A job that somebody has locked is not waited for: a transaction that replaces jobs locks some in an
-- order of its own, and would be ended for the deadlock. It is looked at again in a second, and until then
-- counts as not looked at, so that nobody looks at the same jobs over and over.
--
-- The cursor is that of `promote_jobs`.
with walk as materialized (
    select clock_timestamp() as began,
           (
               select expiry.expires_at
               from pgq_jobs.expiry as expiry
               where expiry.expires_at >= coalesce($3::timestamptz, '-infinity')
                 and expiry.expires_at <= now()
               order by expiry.expires_at
               limit 1
           ) as first,
           clock_timestamp() as ended
), due as materialized (
    delete from pgq_jobs.expiry
    where ctid = any (array(
        select ctid
        from pgq_jobs.expiry
        where expires_at >= (select first from walk)
          and expires_at <= now()
        order by expires_at
        limit $1
        for update skip locked
    ))
    returning job, lane
), late (job, lane) as materialized (
    select due.job, max(due.lane)
    from due
    cross join lateral (
        select
        from pgq_jobs.detail as detail
        where detail.job = due.job and detail.expires_at <= now()
        limit 1
    ) as own
    group by due.job
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
    cross join lateral (
        select ready.ctid
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) = late.lane
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
    where ctid = any (array(
        select ctid
        from pgq_jobs.scheduled
        where ctid = any (array(select place from scheduled_late))
        for update skip locked
    ))
    returning id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
              marks, queue, task, input
), from_ready as (
    delete from pgq_jobs.ready
    where ctid = any (array(
        select ctid
        from pgq_jobs.ready
        where ctid = any (array(select place from ready_late))
        for update skip locked
    ))
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
    select id, fingerprint, created_at, now(), deliveries, 4,
           coalesce(
               (
                   select kept.hours
                   from unnest($4::text[], $5::smallint[]) as kept (task, hours)
                   where kept.task = ended.task
                   limit 1
               ),
               $2
           ),
           priority, attempt, max_attempts, deaths, marks, queue, task, input
    from ended
), freed as (
    delete from pgq_jobs.unique_key
    where until is null
      and job = any (array(select id from ended where marks & 2 <> 0))
), waits_no_more as (
    delete from pgq_jobs.set_aside
    where job = any (array(select id from ended where marks & 1 <> 0))
), again as (
    insert into pgq_jobs.expiry (job, expires_at, lane)
    select late.job, now() + interval '1 second', late.lane
    from late
    where late.job in (select job from scheduled_late union all select job from ready_late)
      and late.job not in (select id from ended)
    returning job
), noticed as (
    select pgq_jobs.wake($6, 'finished')
    from (select from ended limit 1) as any_ended
)
select (select count(*) from ended) as jobs,
       (select count(*) from due) - (select count(*) from again) as looked,
       (select count(*) from noticed) as noticed,
       -- Not up to now: a job that is looked at again expires at that time.
       least(walk.first, now() - interval '1 second') as cursor,
       (extract(epoch from walk.ended - walk.began) * 1000000)::bigint as walked
from walk;
