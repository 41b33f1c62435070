-- Returns questions about inputs that nobody has answered, the oldest first.
--
-- $1 tasks  text[], those that the worker knows
-- $2 limit  bigint
select revision, task, input
from pgq_jobs.input_question
where taken_by is null and problem is null and task = any ($1)
order by revision
limit $2;
