-- Returns what has been answered to a question about an input.
--
-- $1 revision  bigint
select taken_by, problem
from pgq_jobs.input_question
where revision = $1;
