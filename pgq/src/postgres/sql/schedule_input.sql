-- Returns the input of the jobs of a schedule, and by what they are the same as others.
--
-- $1 name      text
-- $2 revision  bigint
--
-- `is not distinct from` keeps the planner from the index of revisions: it is found by its name.
select input, unique_key
from pgq_jobs.schedule
where name = $1 and revision is not distinct from $2;
