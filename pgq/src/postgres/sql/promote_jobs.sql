-- Makes scheduled jobs ready that are due, those first that are due first, and says when the next
-- one is.
--
-- $1 limit    bigint
-- $2 channel  text
with due as (
    delete from pgq_jobs.scheduled
    where ctid = any (array(
        select ctid
        from pgq_jobs.scheduled
        where run_at <= now()
        order by run_at
        limit $1
        for update skip locked
    ))
    returning id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts,
              deaths, queue, task, input
), moved as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         queue, task, input)
    select id, nextval('pgq_jobs.job_number'), fingerprint, created_at, deliveries, priority,
           attempt, max_attempts, deaths, queue, task, input
    from (
        select id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
               queue, task, input
        from due
        order by run_at, id
    ) as ordered
    returning queue
), woken as (
    select pg_notify($2, 'ready ' || queue)
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
               where run_at > now()
               order by run_at
               limit 1
           )
       end as next;
