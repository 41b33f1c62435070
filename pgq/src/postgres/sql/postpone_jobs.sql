-- Makes ready jobs wait until a time, and wakes the workers if that is soon. Those that are not ready
-- any more are left alone.
--
-- $1 jobs        bigint[]
-- $2 queues      text[]
-- $3 priorities  smallint[]
-- $4 run_at      timestamptz, or null for
-- $5 delay       bigint, in microseconds from now
-- $6 channel     text
--
-- Each row is looked up by the whole key, as in `find_job`. What somebody else has locked is about to
-- change, and is not waited for, as in `delete_jobs`.
with gone as (
    delete from pgq_jobs.ready
    where ctid = any (array(
        select ctid
        from pgq_jobs.ready
        where ctid = any (array(
            select waiting.ctid
            from unnest($1::bigint[], $2::text[], $3::smallint[]) as wanted (job, queue, priority)
            cross join lateral (
                (
                    select ready.ctid
                    from pgq_jobs.ready as ready
                    where hashtextextended(ready.queue, ready.priority)
                            = hashtextextended(wanted.queue, wanted.priority)
                      and ready.seq = wanted.job
                      and ready.id = wanted.job
                    limit 1
                )
                union all
                (
                    select again.ctid
                    from pgq_jobs.ready as again
                    where again.id = wanted.job and again.id <> again.seq
                    limit 1
                )
            ) as waiting
        ))
        for update skip locked
    ))
    returning id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
              marks, queue, task, input
), later as (
    insert into pgq_jobs.scheduled
        (id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select id, fingerprint, created_at,
           case
               when $4::timestamptz is null then now() + $5::bigint * interval '1 microsecond'
               else greatest($4, now())
           end,
           deliveries, priority, attempt, max_attempts, deaths, marks, queue, task,
           input
    from gone
    returning id, run_at
), woken as (
    select pgq_jobs.wake($6, 'scheduled')
    from (select from later where run_at < now() + interval '2 seconds' limit 1) as soon
)
select later.id, (select count(*) from woken) as woken
from later;
