-- Takes the jobs from workers that have died, and removes the workers.
--
-- $1 workers     bigint[], locked by this transaction
-- $2 blame_max   smallint
-- $3 channel     text
-- $4 retention   smallint, in hours; of the errors, and of the jobs that fail
-- $5 retention   smallint, in hours; of jobs that are cancelled
--
-- A job is cancelled if somebody has asked for that.
--
-- A job that kills its workers takes all with it that are held beside it. Whatever a second worker died
-- with is a suspect, of which a worker holds one at a time, and its row says which. To blame for a death is
-- the suspect that ran, or the only job that the worker held; `marks` has for how many a job is. None of
-- the jobs expires or is replaced any more: its attempt may have begun.
--
-- A job that is locked is left: a transaction of its task completes it, and only its commit can tell
-- whether it does. So is its worker's row then, for a later rescue, with a lease that no heartbeat
-- renews. A job that went meanwhile counts as left as well.
with held as materialized (
    select running.worker, count(*) as jobs,
           (select trial from pgq_jobs.worker where worker.id = running.worker) as trial,
           -- What an earlier rescue has left, or a goodbye, was not alone.
           (
               select lease_until > 'epoch' from pgq_jobs.worker where worker.id = running.worker
           ) as is_first
    from pgq_jobs.running as running
    where running.worker = any ($1)
    group by running.worker
), lost as (
    delete from pgq_jobs.running
    where ctid = any (array(
        select ctid
        from pgq_jobs.running
        where worker = any ($1)
        for update skip locked
    ))
    returning id, worker, claim, fingerprint, created_at, claimed_at, deliveries, priority, attempt,
              max_attempts, (deaths + 1)::smallint as deaths,
              (marks & ~8::smallint) | 16::smallint as marks, queue, task, input
), left_over as materialized (
    select worker
    from held
    where jobs > (select count(*) from lost where lost.worker = held.worker)
), dead as (
    delete from pgq_jobs.worker
    where id = any ($1) and id not in (select worker from left_over)
    returning id
), stale as (
    delete from pgq_jobs.cancel_request
    where worker in (select id from dead) and job not in (select id from lost)
), unallotted as (
    delete from pgq_jobs.allotment
    where worker in (select id from dead)
), dying as (
    update pgq_jobs.worker
    set lease_until = 'epoch'
    where id in (select worker from left_over) and lease_until > 'epoch'
), requested as materialized (
    select worker, job, claim
    from pgq_jobs.take_cancel_requests(
        $1, coalesce((select array_agg(id) from lost), '{}'))
), blamed as (
    select lost.*,
           least(
               (lost.marks >> 6) % 4
               + (held.jobs = 1 and held.is_first or (lost.marks & 256 <> 0 and lost.id is not distinct from held.trial))::int,
               3
           ) as blame
    from lost
    join held on held.worker = lost.worker
), kept as (
    select id, worker, fingerprint, created_at, claimed_at, deliveries, priority, attempt,
           max_attempts, deaths, blame,
           (
               (marks & ~192) | (blame << 6) | (case when deaths > 1 then 256 else 0 end)
           )::smallint as marks,
           queue, task, input
    from blamed
    where (worker, id, claim) not in (select worker, job, claim from requested)
), cancelled as (
    insert into pgq_jobs.finished
        (id, worker, fingerprint, created_at, claimed_at, finished_at, deliveries, state, retention,
         priority, attempt, max_attempts, deaths, marks, queue, task, input)
    select id, worker, fingerprint, created_at, claimed_at, now(), deliveries, 3, $5, priority,
           (attempt - 1)::smallint, max_attempts, deaths, marks, queue, task, input
    from lost
    where (worker, id, claim) in (select worker, job, claim from requested)
    returning id
), failed as (
    insert into pgq_jobs.finished
        (id, worker, fingerprint, created_at, claimed_at, finished_at, deliveries, state, retention,
         priority, attempt, max_attempts, deaths, marks, queue, task, input, error)
    select id, worker, fingerprint, created_at, claimed_at, now(), deliveries, 2, $4, priority,
           attempt, max_attempts, deaths, marks, queue, task, input,
           format('%s workers died of this job', blame)
    from kept
    where blame >= $2
    returning id, queue, task, error
), freed as (
    delete from pgq_jobs.unique_key
    where until is null
      and job = any (array(
          select blamed.id
          from blamed
          where marks & 2 <> 0
            and (
                blame >= $2
                or (worker, id, claim) in (select worker, job, claim from requested)
            )
      ))
), again as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select id, nextval('pgq_jobs.job_number'), fingerprint, created_at, deliveries, priority,
           (attempt - 1)::smallint, max_attempts, deaths, marks, queue, task, input
    from kept
    where blame < $2
    returning queue
), history as (
    insert into pgq_jobs.failure
        (job, worker, claimed_at, failed_at, attempt, outcome, retention, error)
    select id, worker, claimed_at, now(), attempt, 5, $4, 'the worker died'
    from lost
), noticed as (
    select pgq_jobs.wake($3, 'finished')
    from (select from cancelled union all select from failed limit 1) as any_over
), woken as (
    select pgq_jobs.wake($3, 'ready ' || queue)
    from (select distinct queue from again) as queues
)
select (select count(*) from dead) as workers,
       (select count(*) from again) as ready,
       array(select id from failed order by id) as failed,
       array(select queue from failed order by id) as queues,
       array(select task from failed order by id) as tasks,
       array(select error from failed order by id) as errors,
       (select count(*) from cancelled) as cancelled,
       (select count(*) from noticed) as noticed,
       (select count(*) from woken) as woken;
