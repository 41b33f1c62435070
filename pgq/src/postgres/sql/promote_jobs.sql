-- Makes scheduled jobs ready that are due, those first that are due first, and says when the next
-- one is.
--
-- $1 limit    bigint
-- $2 channel  text
-- $3 cursor   timestamptz, or null: only jobs that are due then or later are looked at
--
-- The first job that is due is looked for without locks and without skipping. What lies before it
-- is dead, so it is walked past once, and the time that this took is told.
with walk as materialized (
    select clock_timestamp() as began,
           (
               select scheduled.run_at
               from pgq_jobs.scheduled as scheduled
               where scheduled.run_at >= coalesce($3::timestamptz, '-infinity')
                 and scheduled.run_at <= now()
               order by scheduled.run_at
               limit 1
           ) as first,
           clock_timestamp() as ended
), due as (
    delete from pgq_jobs.scheduled
    where ctid = any (array(
        select ctid
        from pgq_jobs.scheduled
        where run_at >= (select first from walk)
          and run_at <= now()
        order by run_at
        limit $1
        for update skip locked
    ))
    returning id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts,
              deaths, marks, queue, task, input
), moved as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select id, nextval('pgq_jobs.job_number'), fingerprint, created_at, deliveries, priority,
           attempt, max_attempts, deaths, marks, queue, task, input
    from (
        select id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
               marks, queue, task, input
        from due
        order by run_at, id
    ) as ordered
    returning queue
), woken as (
    select pgq_jobs.wake($2, 'ready ' || queue)
    from (select distinct queue from moved) as queues
)
select (select count(*) from moved) as jobs,
       (select count(*) from woken) as woken,
       -- A full batch may have left some behind that are due.
       case
           when (select count(*) from moved) = $1 then 0
           else (
               select (extract(epoch from run_at - clock_timestamp()) * 1000000)::bigint
               from pgq_jobs.scheduled
               -- At the year 9999 are those that wait for keys.
               where run_at > now() and run_at < '9999-01-01 00:00:00+00'
               order by run_at
               limit 1
           )
       end as next,
       -- Not up to now: a job that is due at once is committed a little later.
       least(walk.first, now() - interval '1 second') as cursor,
       (extract(epoch from walk.ended - walk.began) * 1000000)::bigint as walked
from walk;
