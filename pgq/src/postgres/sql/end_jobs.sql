-- Ends attempts without a result; fenced by the claim token. An attempt that is released, or was not
-- started, is given back: it does not count.
--
-- $1 worker      bigint
-- $2 jobs        bigint[]
-- $3 claims      bigint[]
-- $4 ends        text[], each `failed`, `cancelled`, `expired`, `retry`, `release` or `unstarted`
-- $5 delays      bigint[], in microseconds; of the last three
-- $6 errors      text[]
-- $7 retentions  smallint[], in hours
-- $8 channel     text
-- $9 retention   smallint, in hours; of jobs that are cancelled in the place of running again
--
-- A job that would run again is cancelled if somebody has asked for that.
--
-- Rows are looked up as in `complete_jobs`.
with ending as materialized (
    select job, claim, kind, delay * interval '1 microsecond' as delay, error, retention
    from unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::smallint[])
        as ending (job, claim, kind, delay, error, retention)
), taken as (
    delete from pgq_jobs.running
    where ctid = any (array(
        select held.ctid
        from ending
        cross join lateral (
            select running.ctid
            from pgq_jobs.running as running
            where running.worker = $1
              and running.id = ending.job
              and running.claim = ending.claim
            limit 1
        ) as held
    ))
    returning id, claim, fingerprint, created_at, claimed_at, deliveries, priority, attempt,
              max_attempts, deaths, marks, queue, task, input
), requested as materialized (
    select job, claim
    from pgq_jobs.take_cancel_requests(
        array [$1], coalesce((select array_agg(id) from taken), '{}'))
), ended as (
    select taken.id, taken.fingerprint, taken.created_at, taken.claimed_at, taken.deliveries,
           taken.priority, taken.attempt as started,
           (
               taken.attempt - (ending.kind in ('expired', 'release', 'unstarted'))::int
           )::smallint as attempt,
           taken.max_attempts, taken.deaths,
           -- Once an attempt has begun (16) a job does not expire any more (8), and is not replaced; once
           -- one has ended, it is no suspect (256).
           case ending.kind
               when 'unstarted' then taken.marks
               else (taken.marks & ~(8 | 256)::smallint) | 16::smallint
           end as marks,
           taken.queue, taken.task, taken.input, ending.delay, ending.error, ending.retention,
           ending.kind as told,
           case
               when requested.job is not null and ending.kind in ('retry', 'release', 'unstarted')
                   then 'requested'
               else ending.kind
           end as kind
    from taken
    join ending on ending.job = taken.id and ending.claim = taken.claim
    left join requested on requested.job = taken.id and requested.claim = taken.claim
), over as (
    insert into pgq_jobs.finished
        (id, worker, fingerprint, created_at, claimed_at, finished_at, deliveries, state, retention,
         priority, attempt, max_attempts, deaths, marks, queue, task, input, error)
    -- One that was given back had no attempt.
    select id, case when told not in ('expired', 'release', 'unstarted') then $1 end, fingerprint,
           created_at,
           case when told not in ('expired', 'release', 'unstarted') then claimed_at end, now(),
           deliveries,
           case kind when 'failed' then 2 when 'expired' then 4 else 3 end,
           case kind when 'requested' then $9 else retention end, priority, attempt, max_attempts,
           deaths, marks, queue, task, input, error
    from ended
    where kind in ('failed', 'cancelled', 'expired', 'requested')
    returning id
), freed as (
    delete from pgq_jobs.unique_key
    where until is null
      and job = any (array(
          select id
          from ended
          where marks & 2 <> 0 and kind in ('failed', 'cancelled', 'expired', 'requested')
      ))
), later as (
    insert into pgq_jobs.scheduled
        (id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input, error)
    select id, fingerprint, created_at, now() + delay, deliveries, priority, attempt, max_attempts,
           deaths, marks, queue, task, input, error
    from ended
    where kind = 'retry' or (kind in ('release', 'unstarted') and delay > interval '0')
), again as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select id, nextval('pgq_jobs.job_number'), fingerprint, created_at, deliveries, priority,
           attempt, max_attempts, deaths, marks, queue, task, input
    from ended
    where kind in ('release', 'unstarted') and delay <= interval '0'
    returning queue
), expiring as (
    -- It may have been looked at while the worker had it. If its time comes later than this statement can
    -- take, it was not: then the row of its enqueue is there still.
    insert into pgq_jobs.expiry (job, expires_at)
    select ended.id, detail.expires_at
    from (select id from ended where marks & 8 <> 0 and kind = 'unstarted') as ended
    cross join lateral (
        select own.expires_at
        from pgq_jobs.detail as own
        where own.job = ended.id and own.expires_at <= now() + interval '2 minutes'
        limit 1
    ) as detail
), history as (
    insert into pgq_jobs.failure
        (job, worker, claimed_at, failed_at, attempt, outcome, retention, error)
    select id, $1, claimed_at, now(), started, case told when 'cancelled' then 3 else 2 end,
           retention, error
    from ended
    where error is not null and told in ('failed', 'retry', 'cancelled')
), noticed as (
    select pgq_jobs.wake($8, 'finished')
    from (select from over limit 1) as any_over
), woken as (
    select pgq_jobs.wake($8, 'ready ' || queue)
    from (select distinct queue from again) as queues
)
select (select count(*) from ended) as ended,
       (select count(*) from noticed) as noticed,
       (select count(*) from woken) as woken;
