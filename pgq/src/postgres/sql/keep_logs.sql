-- Keeps what attempts have logged; fenced by the claim token, but for those that have completed already.
--
-- $1 worker     bigint
-- $2 jobs       bigint[]
-- $3 claims     bigint[]
-- $4 attempts   smallint[]
-- $5 completed  boolean[]
-- $6 texts      text[]
--
-- Rows are looked up as in `complete_jobs`. A call that was answered too late is made again.
insert into pgq_jobs.attempt_log (job, worker, claim, ended_at, attempt, text)
select log.job, $1, log.claim, now(), log.attempt, log.text
from unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::boolean[], $6::text[])
    as log (job, claim, attempt, is_completed, text)
left join lateral (
    select running.id
    from pgq_jobs.running as running
    where running.worker = $1
      and running.id = log.job
      and running.claim = log.claim
    limit 1
) as held on true
where log.is_completed or held.id is not null
on conflict (job, worker, claim) do nothing;
