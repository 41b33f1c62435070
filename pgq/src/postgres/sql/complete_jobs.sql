-- Ends attempts with their results; fenced by the claim token. Wakes those who wait for jobs to end.
--
-- $1 worker             bigint
-- $2 jobs               bigint[]
-- $3 claims             bigint[]
-- $4 retention          smallint, in hours
-- $5 result_jobs        bigint[], those that have a result
-- $6 result_claims      bigint[]
-- $7 results            bytea[]
-- $8 result_retentions  smallint[], in hours
-- $9 channel            text
--
-- A job may be named under two claims, of which one was lost: results are told apart by the claim.
--
-- Each row is looked up by the whole key, whatever the planner thinks of the table: a scan of all
-- rows of the worker would walk past every job that it has ever run. Rows of `running` are never
-- updated, so a row that was found is deleted as it is, or was deleted by somebody else.
with woken as materialized (
    select pgq_jobs.wake($9, 'finished')
), ended as (
    delete from pgq_jobs.running
    where ctid = any (array(
        select held.ctid
        from unnest($2::bigint[], $3::bigint[]) as completion (job, claim)
        cross join lateral (
            select running.ctid
            from pgq_jobs.running as running
            where running.worker = $1
              and running.id = completion.job
              and running.claim = completion.claim
            limit 1
        ) as held
    ))
    returning id, claim, fingerprint, created_at, claimed_at, deliveries, priority, attempt,
              max_attempts, deaths, marks, queue, task, input
), stored as (
    insert into pgq_jobs.result (job, finished_at, retention, value)
    select ended.id, now(), result.retention, result.value
    from unnest($5::bigint[], $6::bigint[], $7::bytea[], $8::smallint[])
        as result (job, claim, value, retention)
    join ended on ended.id = result.job and ended.claim = result.claim
), freed as (
    delete from pgq_jobs.unique_key
    where until is null
      and job = any (array(select id from ended where marks & 2 <> 0))
)
insert into pgq_jobs.finished
    (id, worker, fingerprint, created_at, claimed_at, finished_at, deliveries, state, retention,
     priority, attempt, max_attempts, deaths, marks, queue, task, input)
select id, $1, fingerprint, created_at, claimed_at, now(), deliveries, 1, $4, priority, attempt,
       max_attempts, deaths, marks, queue, task, input
from ended
cross join woken;
