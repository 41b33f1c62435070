-- Reads inputs that are kept apart, of jobs that a worker holds; fenced by the claim token.
--
-- $1 worker  bigint
-- $2 jobs    bigint[]
-- $3 claims  bigint[]
--
-- Rows are looked up as in `complete_jobs`. A job that is held has a row also when its input is gone.
select held.id, apart.input
from unnest($2::bigint[], $3::bigint[]) as wanted (job, claim)
cross join lateral (
    select running.id
    from pgq_jobs.running as running
    where running.worker = $1
      and running.id = wanted.job
      and running.claim = wanted.claim
    limit 1
) as held
left join lateral (
    select large.input
    from pgq_jobs.large_input as large
    where large.job = held.id
    limit 1
) as apart on true;
