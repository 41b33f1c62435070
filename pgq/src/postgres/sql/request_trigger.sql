-- Asks whoever ticks a schedule to enqueue a job of it that is no tick; finds no row if there is no such
-- schedule. One that is asked for already is the same.
--
-- $1 name     text
-- $2 channel  text
--
-- What was read of a schedule that was made before is not to tick it: so its digest changes, too.
with limited as materialized (
    select set_config('lock_timeout', '5s', true) is not null as done
), held as materialized (
    select schedule.name
    from limited
    cross join pgq_jobs.schedule as schedule
    where schedule.name = $1
    for update of schedule
), locked as materialized (
    -- Nobody sees a later revision before this one. It comes after the row, for which it may wait: all other
    -- changes wait for it.
    select pg_advisory_xact_lock(hashtextextended('pgq_jobs.schedule', 7366551)) is not null as done
    from held
)
update pgq_jobs.schedule as schedule
set requested_at = coalesce(schedule.requested_at, clock_timestamp()),
    revision = numbered.revision,
    digest = case when schedule.made then numbered.revision else schedule.digest end
from (
    select nextval('pgq_jobs.schedule_revision') as revision
    from locked
    offset 0
) as numbered
where schedule.name = $1
returning pgq_jobs.direct($2) as told;
