-- Forgets a question about an input.
--
-- $1 revision  bigint
delete from pgq_jobs.input_question
where revision = $1;
