-- Answers a question about an input, unless somebody else has.
--
-- $1 revision  bigint
-- $2 taken_by  bigint, the fingerprint of the build that takes it, or null and
-- $3 problem   text, why it does not
update pgq_jobs.input_question
set taken_by = $2,
    problem = $3
where revision = $1 and taken_by is null and problem is null;
