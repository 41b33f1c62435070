-- Removes a worker that has stopped and is locked by this transaction; what it still holds becomes
-- ready, at no cost to the jobs.
--
-- $1 worker   bigint
-- $2 channel  text
with gone as (
    delete from pgq_jobs.worker
    where id = $1
), left_over as (
    delete from pgq_jobs.running
    where worker = $1
    returning id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
              marks, queue, task, input
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
