-- Sets how many jobs run at once, whatever the code declares, and tells the workers.
--
-- $1 kind     text
-- $2 name     text
-- $3 running  int, or null: as the code declares
-- $4 channel  text
with changed as (
    insert into pgq_jobs.fleet_limit (kind, name, overridden, max_running)
    values ($1, $2, true, $3)
    on conflict (kind, name, overridden) do update
    set max_running = excluded.max_running
)
select pgq_jobs.direct($4) as told;
