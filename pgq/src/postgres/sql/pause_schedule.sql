-- Lets a schedule tick no more, or again; tells whether that changed anything, and finds no row if there
-- is no such schedule.
--
-- $1 name     text
-- $2 pause    boolean
-- $3 channel  text
--
-- A schedule that skips what it has missed skips the ticks of the pause, the last one included. What was read
-- of a schedule that was made before is not to tick it: so its digest changes, too.
with limited as materialized (
    select set_config('lock_timeout', '5s', true) is not null as done
), held as materialized (
    select schedule.name
    from limited
    cross join pgq_jobs.schedule as schedule
    where schedule.name = $1 and (schedule.paused_at is null) = $2
    for update of schedule
), locked as materialized (
    -- Nobody sees a later revision before this one. It comes after the row, for which it may wait: all other
    -- changes wait for it.
    select pg_advisory_xact_lock(hashtextextended('pgq_jobs.schedule', 7366551)) is not null as done
    from held
), changed as (
    update pgq_jobs.schedule as schedule
    set paused_at = case when $2 then clock_timestamp() end,
        last_tick = case
            when not $2 and schedule.missed = 'skip'
                then greatest(schedule.last_tick, clock_timestamp())
            else schedule.last_tick
        end,
        revision = numbered.revision,
        digest = case when schedule.made then numbered.revision else schedule.digest end
    from (
        select nextval('pgq_jobs.schedule_revision') as revision
        from locked
        offset 0
    ) as numbered
    where schedule.name = $1 and (schedule.paused_at is null) = $2
    returning pgq_jobs.direct($3) as told
)
select exists (select from changed) as changed, (select bool_or(told) from changed) as told
from pgq_jobs.schedule as schedule
where schedule.name = $1;
