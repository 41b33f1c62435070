-- Returns the input of the jobs of a schedule, and by what they are the same as others.
--
-- $1 name    text
-- $2 digest  bigint
select input, unique_key
from pgq_jobs.schedule
where name = $1 and digest = $2;
