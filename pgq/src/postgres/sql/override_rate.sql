-- Sets the rate of a task, whatever the code declares, and tells the workers.
--
-- $1 task     text
-- $2 max      int, or null: as the code declares; so are the next two
-- $3 per      bigint, in microseconds
-- $4 burst    int
-- $5 channel  text
with changed as (
    insert into pgq_jobs.fleet_limit (kind, name, overridden, rate_max, rate_per, rate_burst)
    values ('task', $1, true, $2, $3, $4)
    on conflict (kind, name, overridden) do update
    set rate_max = excluded.rate_max, rate_per = excluded.rate_per,
        rate_burst = excluded.rate_burst
)
select pgq_jobs.direct($5) as told;
