-- Takes note of which builds take the inputs of schedules; returns the places of those of which it did. One
-- that is not there in that version, or that somebody keeps locked, is passed over.
--
-- $1 names         text[]
-- $2 revisions     bigint[], theirs
-- $3 fingerprints  bigint[], of the build that takes each, or null and
-- $4 problems      text[], why one does not
--
-- `is not distinct from` keeps the planner from the index of revisions: each is found by its name.
with held as materialized (
    select given.place, given.fingerprint, given.problem, schedule.name
    from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[]) with ordinality
        as given (name, revision, fingerprint, problem, place)
    join pgq_jobs.schedule as schedule
        on schedule.name = given.name and schedule.revision is not distinct from given.revision
    for update of schedule skip locked
), noted as (
    update pgq_jobs.schedule as schedule
    set takes = case
            when held.problem is null and held.fingerprint <> all (schedule.takes)
                then held.fingerprint || schedule.takes[1:9]
            else schedule.takes
        end,
        problem = case when held.problem is not null then coalesce(schedule.problem, held.problem) end
    from held
    where schedule.name = held.name
      and case
          when held.problem is not null then schedule.problem is null
          else held.fingerprint <> all (schedule.takes) or schedule.problem is not null
      end
)
select place
from held;
