-- Returns questions about inputs that nobody has answered, the oldest first, and none that nobody can be
-- waiting for any more.
--
-- $1 tasks  text[], those that the worker knows
-- $2 after  bigint, the question after which they come
-- $3 limit  bigint
select revision, task, input
from pgq_jobs.input_question
where revision > $2
  and taken_by is null
  and problem is null
  and task = any ($1)
  and asked_at > clock_timestamp() - interval '1 hour'
order by revision
limit $3;
