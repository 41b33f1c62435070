-- Removes a worker that has stopped and is locked by this transaction; what it still holds becomes
-- ready, at no cost to the jobs. A job that is locked, because a transaction of its task completes it,
-- is left to a rescue, and so is the worker then.
--
-- $1 worker   bigint
-- $2 channel  text
with held as materialized (
    select count(*) as jobs
    from pgq_jobs.running
    where worker = $1
), left_over as (
    delete from pgq_jobs.running
    where ctid = any (array(
        select ctid
        from pgq_jobs.running
        where worker = $1
        for update skip locked
    ))
    returning id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
              marks, queue, task, input
), gone as (
    delete from pgq_jobs.worker
    where id = $1 and (select jobs from held) <= (select count(*) from left_over)
    returning id
), unallotted as (
    delete from pgq_jobs.allotment
    where worker in (select id from gone)
), dying as (
    update pgq_jobs.worker
    set lease_until = 'epoch'
    where id = $1 and (select jobs from held) > (select count(*) from left_over)
), again as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select id, nextval('pgq_jobs.job_number'), fingerprint, created_at, deliveries, priority,
           (attempt - 1)::smallint, max_attempts, deaths, marks, queue, task, input
    from left_over
    returning queue
), woken as (
    select pgq_jobs.wake($2, 'ready ' || queue)
    from (select distinct queue from again) as queues
)
select (select count(*) from again) as ready,
       (select count(*) from woken) as woken;
