-- Takes note of the schedules that the code of workers declares that live, and deletes those that none has
-- declared for a while; returns their names. Those that were made at run time are nobody's to retire.
--
-- $1 grace    bigint, in microseconds
-- $2 channel  text
--
-- A note is as old as a part of that time, so that it is seldom written, and they have as much longer.
with kept as materialized (
    select distinct declared.name
    from pgq_jobs.worker as worker
    cross join unnest(worker.schedules) as declared (name)
    where worker.lease_until > now()
), noted as (
    update pgq_jobs.schedule as schedule
    set kept_at = clock_timestamp()
    from (
        select stale.name
        from pgq_jobs.schedule as stale
        join kept on kept.name = stale.name
        where not stale.made
          and stale.kept_at < clock_timestamp() - $1::bigint * interval '1 microsecond' / 24
        order by stale.name
        for update of stale skip locked
    ) as stale
    where schedule.name = stale.name
), held as materialized (
    select schedule.name
    from pgq_jobs.schedule as schedule
    where not schedule.made
      and schedule.kept_at < clock_timestamp() - $1::bigint * interval '1 microsecond' * 25 / 24
      and not exists (select from kept where kept.name = schedule.name)
    order by schedule.name
    limit 500
    for update of schedule skip locked
), locked as materialized (
    -- Nobody sees a later revision before this one. It comes after the rows, as with all other changes.
    select pg_advisory_xact_lock(hashtextextended('pgq_jobs.schedule', 7366551)) is not null as done
    from (select count(*) as number from held) as all_held
    where all_held.number > 0
), numbered as (
    update pgq_jobs.schedule_deletion
    set revision = nextval('pgq_jobs.schedule_revision')
    from locked
    returning revision
), retired as (
    delete from pgq_jobs.schedule as schedule
    using held
    cross join numbered
    where schedule.name = held.name
    returning schedule.name
)
select name, pgq_jobs.direct($2) as told
from retired
order by name;
