-- Claims jobs that wait for keys, which this transaction has locked, as `claim_jobs` does others.
--
-- $1 worker  bigint
-- $2 claim   bigint
-- $3 jobs    bigint[]
-- $4 limit   bigint, how many of them: the first that nobody has locked
--
-- One that somebody has locked is left: a transaction that takes its place, say, may be open for long.
--
-- `is not distinct from` keeps the planner from the index over times: all that wait have one time.
with quick as materialized (
    select set_config('synchronous_commit', 'off', true)
), me as materialized (
    select worker.id
    from pgq_jobs.worker as worker
    cross join quick
    where worker.id = $1 and worker.lease_until > now() and worker.claims_from <= $2
    for key share of worker
), taken as (
    delete from pgq_jobs.scheduled
    where ctid = any (array(
        select waiting.ctid
        from me
        cross join unnest($3::bigint[]) as wanted (job)
        cross join lateral (
            select scheduled.ctid
            from pgq_jobs.scheduled as scheduled
            where scheduled.id = wanted.job and scheduled.run_at is not distinct from '9999-01-01 00:00:00+00'
            limit 1
            for update skip locked
        ) as waiting
        limit $4
    ))
    returning id, fingerprint, created_at, deliveries + 1 as deliveries, priority,
              attempt + 1::smallint as attempt, max_attempts, deaths, marks, queue, task, input
), waits_no_more as (
    delete from pgq_jobs.set_aside
    where ctid = any (array(
        select aside.ctid
        from taken
        cross join lateral (
            select set_aside.ctid
            from pgq_jobs.set_aside as set_aside
            where set_aside.job = taken.id
            limit 1
            for update skip locked
        ) as aside
    ))
), moved as (
    insert into pgq_jobs.running
        (id, worker, claim, fingerprint, created_at, claimed_at, deliveries, priority, attempt,
         max_attempts, deaths, marks, queue, task, input)
    select id, $1, $2, fingerprint, created_at, now(), deliveries, priority, attempt, max_attempts,
           deaths, marks, queue, task, input
    from taken
)
-- As the rows of `claim_jobs`.
select exists (select from me) as alive, null::bigint[] as first_visible, null::bigint as seq,
       null::bigint as id, null::text as task, null::smallint as priority, null::smallint as attempt,
       null::smallint as max_attempts, null::int as deliveries, null::bigint as fingerprint,
       null::bytea as input, null::smallint as marks, null::text as detail, null::float8 as waited
union all
select null, null, id, id, task, priority, attempt, max_attempts, deliveries, fingerprint, input,
       marks,
       case
           when marks & 4 <> 0
               then (
                   select (
                       to_jsonb(detail) || jsonb_build_object(
                           'expired', coalesce(taken.marks & 8 <> 0 and detail.expires_at <= now(), false)
                       )
                   )::text
                   from pgq_jobs.detail as detail
                   where detail.job = taken.id
                   limit 1
               )
       end,
       null
from taken;
