-- Lets a schedule tick no more, or again; tells whether that changed anything, and finds no row if there
-- is no such schedule.
--
-- $1 name     text
-- $2 pause    boolean
-- $3 channel  text
--
-- What was read of a schedule that was made before is not to tick it: so its digest changes, too.
with locked as materialized (
    -- Nobody sees a later revision before this one.
    select pg_advisory_xact_lock(hashtextextended('pgq_jobs.schedule', 7366551)) is not null as done
), changed as (
    update pgq_jobs.schedule as schedule
    set paused_at = case when $2 then clock_timestamp() end,
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
