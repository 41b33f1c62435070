-- Ends attempts with their results; fenced by the claim token.
--
-- $1 worker   bigint
-- $2 jobs     bigint[]
-- $3 claims   bigint[]
-- $4 results  bytea[]
--
-- Each row is looked up by the whole key, whatever the planner thinks of the table: a scan of all
-- rows of the worker would walk past every job that it has ever run. Rows of `running` are never
-- updated, so a row that was found is deleted as it is, or was deleted by somebody else.
with completion as materialized (
    select job, claim, result
    from unnest($2::bigint[], $3::bigint[], $4::bytea[]) as completion (job, claim, result)
), ended as (
    delete from pgq_jobs.running
    where ctid = any (array(
        select held.ctid
        from completion
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
              max_attempts, deaths, queue, task, input
)
insert into pgq_jobs.finished
    (id, worker, fingerprint, created_at, claimed_at, finished_at, deliveries, state, priority,
     attempt, max_attempts, deaths, queue, task, input, result)
select id, $1, fingerprint, created_at, claimed_at, now(), deliveries, 1, priority, attempt,
       max_attempts, deaths, queue, task, input, completion.result
from ended
join completion on completion.job = ended.id and completion.claim = ended.claim;
