-- Says whether a worker holds a job under a claim: `held`, `gone`, or `in_doubt` while a transaction is
-- open that would end the attempt.
--
-- $1 worker  bigint
-- $2 job     bigint
-- $3 claim   bigint
with seen as materialized (
    select ctid
    from pgq_jobs.running
    where worker = $1 and id = $2 and claim = $3
), free as materialized (
    select
    from pgq_jobs.running
    where worker = $1 and id = $2 and claim = $3
    for key share skip locked
)
select case
    when not exists (select from seen) then 'gone'
    when exists (select from free) then 'held'
    else 'in_doubt'
end;
