-- Removes a worker that has stopped and is locked by this transaction; what it still holds becomes
-- ready, at no cost to the jobs, or is cancelled if somebody has asked for that. A job that is locked,
-- because a transaction of its task completes it, is left to a rescue, and so is the worker then. What is
-- ready expires no more: its attempt has begun.
--
-- $1 worker     bigint
-- $2 channel    text
-- $3 retention  smallint, in hours; of jobs that are cancelled
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
    returning id, worker, claim, fingerprint, created_at, claimed_at, deliveries, priority, attempt,
              max_attempts, deaths, (marks & ~8::smallint) | 16::smallint as marks, queue, task, input
), gone as (
    delete from pgq_jobs.worker
    where id = $1 and (select jobs from held) <= (select count(*) from left_over)
    returning id
), stale as (
    delete from pgq_jobs.cancel_request
    where worker in (select id from gone) and job not in (select id from left_over)
), unallotted as (
    delete from pgq_jobs.allotment
    where worker in (select id from gone)
), dying as (
    update pgq_jobs.worker
    set lease_until = 'epoch'
    where id = $1 and (select jobs from held) > (select count(*) from left_over)
), requested as materialized (
    select worker, job, claim
    from pgq_jobs.take_cancel_requests(
        array [$1], coalesce((select array_agg(id) from left_over), '{}'))
), over as (
    insert into pgq_jobs.finished
        (id, fingerprint, created_at, finished_at, deliveries, state, retention, priority, attempt,
         max_attempts, deaths, marks, queue, task, input)
    select id, fingerprint, created_at, now(), deliveries, 3, $3, priority, (attempt - 1)::smallint,
           max_attempts, deaths, marks, queue, task, input
    from left_over
    where (worker, id, claim) in (select worker, job, claim from requested)
    returning id
), freed as (
    delete from pgq_jobs.unique_key
    where until is null
      and job = any (array(
          select id
          from left_over
          where marks & 2 <> 0
            and (worker, id, claim) in (select worker, job, claim from requested)
      ))
), again as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select id, nextval('pgq_jobs.job_number'), fingerprint, created_at, deliveries, priority,
           (attempt - 1)::smallint, max_attempts, deaths, marks, queue, task, input
    from left_over
    where (worker, id, claim) not in (select worker, job, claim from requested)
    returning queue
), noticed as (
    select pgq_jobs.wake($2, 'finished')
    from (select from over limit 1) as any_over
), woken as (
    select pgq_jobs.wake($2, 'ready ' || queue)
    from (select distinct queue from again) as queues
)
select (select count(*) from again) as ready,
       (select count(*) from noticed) as noticed,
       (select count(*) from woken) as woken;
