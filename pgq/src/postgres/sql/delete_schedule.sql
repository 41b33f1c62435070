-- Deletes a schedule that was made at run time, or that the code of no worker declares that lives; tells
-- whether it did.
--
-- $1 name     text
-- $2 channel  text
--
-- The number of the deletion is drawn as that of any other change: who declares the name adds it again.
with limited as materialized (
    select set_config('lock_timeout', '5s', true) is not null as done
), held as materialized (
    select schedule.name
    from limited
    cross join pgq_jobs.schedule as schedule
    where schedule.name = $1
      and (
          schedule.made
          or not exists (
              select
              from pgq_jobs.worker as worker
              where worker.lease_until > now() and $1 = any (worker.schedules)
          )
      )
    for update of schedule
), locked as materialized (
    -- Nobody sees a later revision before this one. It comes after the row, for which it may wait: all other
    -- changes wait for it.
    select pg_advisory_xact_lock(hashtextextended('pgq_jobs.schedule', 7366551)) is not null as done
    from held
), numbered as (
    update pgq_jobs.schedule_deletion
    set revision = nextval('pgq_jobs.schedule_revision')
    from locked
    returning revision
), deleted as (
    delete from pgq_jobs.schedule as schedule
    using numbered
    where schedule.name = $1
    returning schedule.name
)
select count(*) = 1 as done, bool_or(pgq_jobs.direct($2)) as told
from deleted;
