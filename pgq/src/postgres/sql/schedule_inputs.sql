-- Returns the inputs of the jobs of schedules, and by what they are the same as others; nothing of one that
-- is not there in that version.
--
-- $1 names      text[]
-- $2 revisions  bigint[], theirs
--
-- `is not distinct from` keeps the planner from the index of revisions: each is found by its name.
select given.place, schedule.input, schedule.unique_key
from unnest($1::text[], $2::bigint[]) with ordinality as given (name, revision, place)
join pgq_jobs.schedule as schedule
    on schedule.name = given.name and schedule.revision is not distinct from given.revision;
