-- Sets the limits that the code declares, and removes those that it does not declare any more.
--
-- $1 kinds       text[]
-- $2 names       text[]
-- $3 running     int[], null for no limit; so are the next three
-- $4 rate_max    int[]
-- $5 rate_per    bigint[], in microseconds
-- $6 rate_burst  int[]
-- $7 channel     text
-- $8 key_running      int[], null for no limit
-- $9 key_ordered      boolean[], null for no keys
-- $10 key_rate_max    int[], null for no rate; so are the next two
-- $11 key_rate_per    bigint[], in microseconds
-- $12 key_rate_burst  int[]
--
-- Rows are touched only where they change: many workers may start at once.
with declared as materialized (
    select kind, name, running, rate_max, rate_per, rate_burst, key_running, key_ordered,
           key_rate_max, key_rate_per, key_rate_burst
    from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::bigint[], $6::int[],
                $8::int[], $9::boolean[], $10::int[], $11::bigint[], $12::int[])
        as declared (kind, name, running, rate_max, rate_per, rate_burst, key_running, key_ordered,
                     key_rate_max, key_rate_per, key_rate_burst)
), gone as (
    delete from pgq_jobs.fleet_limit as fleet_limit
    using declared
    where fleet_limit.kind = declared.kind
      and fleet_limit.name = declared.name
      and not fleet_limit.overridden
      and declared.running is null
      and declared.rate_max is null
      and declared.key_ordered is null
    returning fleet_limit.name
), changed as (
    insert into pgq_jobs.fleet_limit as fleet_limit
        (kind, name, overridden, max_running, rate_max, rate_per, rate_burst, key_running,
         key_ordered, key_rate_max, key_rate_per, key_rate_burst)
    select kind, name, false, running, rate_max, rate_per, rate_burst, key_running, key_ordered,
           key_rate_max, key_rate_per, key_rate_burst
    from declared
    where running is not null or rate_max is not null or key_ordered is not null
    order by kind, name
    on conflict (kind, name, overridden) do update
    set max_running = excluded.max_running, rate_max = excluded.rate_max,
        rate_per = excluded.rate_per, rate_burst = excluded.rate_burst,
        key_running = excluded.key_running, key_ordered = excluded.key_ordered,
        key_rate_max = excluded.key_rate_max, key_rate_per = excluded.key_rate_per,
        key_rate_burst = excluded.key_rate_burst
    where (fleet_limit.max_running, fleet_limit.rate_max, fleet_limit.rate_per, fleet_limit.rate_burst,
           fleet_limit.key_running, fleet_limit.key_ordered, fleet_limit.key_rate_max,
           fleet_limit.key_rate_per, fleet_limit.key_rate_burst)
        is distinct from
        (excluded.max_running, excluded.rate_max, excluded.rate_per, excluded.rate_burst,
           excluded.key_running, excluded.key_ordered, excluded.key_rate_max, excluded.key_rate_per,
           excluded.key_rate_burst)
    returning fleet_limit.name
)
-- Workers that run already are told.
select pgq_jobs.direct($7) as told
from (select name from gone union all select name from changed limit 1) as any_change;
