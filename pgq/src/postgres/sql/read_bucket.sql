-- Reads where the bucket of a rate stands, and the time.
--
-- $1 task  text
select limit_in_force.rate_max, limit_in_force.rate_per, limit_in_force.rate_burst,
       coalesce(bucket.number, 0) as number, coalesce(bucket.debt, 0) as debt,
       coalesce(bucket.at, 0) as at,
       (extract(epoch from clock_timestamp()) * 1000000)::bigint as now
from (select 1) as one
left join pgq_jobs.limit_in_force as limit_in_force
    on limit_in_force.kind = 'task' and limit_in_force.name = $1
left join lateral (
    select bucket.number, bucket.debt, bucket.at
    from pgq_jobs.bucket as bucket
    where bucket.task = $1
    order by bucket.number desc
    limit 1
) as bucket on true;
