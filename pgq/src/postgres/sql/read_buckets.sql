-- Reads where the buckets of keys stand, and the time. One that is not there is full.
--
-- $1 keys  bigint[]
select asked.key, coalesce(bucket.debt, 0) as debt, coalesce(bucket.at, 0) as at,
       (extract(epoch from clock_timestamp()) * 1000000)::bigint as now
from unnest($1::bigint[]) as asked (key)
left join lateral (
    select own.debt, own.at
    from pgq_jobs.key_bucket as own
    where own.key = asked.key
    limit 1
) as bucket on true;
