-- Ends attempts with their results; fenced by the claim token.
--
-- $1 worker   bigint
-- $2 jobs     bigint[]
-- $3 claims   bigint[]
-- $4 results  bytea[]
with ended as (
    delete from pgq_jobs.running
    using unnest($2::bigint[], $3::bigint[], $4::bytea[]) as completion (job, claim, result)
    where running.worker = $1
      and running.id = completion.job
      and running.claim = completion.claim
    returning running.id, running.fingerprint, running.created_at, running.claimed_at,
              running.deliveries, running.priority, running.attempt, running.max_attempts,
              running.deaths, running.queue, running.task, running.input, completion.result
)
insert into pgq_jobs.finished
    (id, worker, fingerprint, created_at, claimed_at, finished_at, deliveries, state, priority,
     attempt, max_attempts, deaths, queue, task, input, result)
select id, $1, fingerprint, created_at, claimed_at, now(), deliveries, 1, priority, attempt,
       max_attempts, deaths, queue, task, input, result
from ended;
