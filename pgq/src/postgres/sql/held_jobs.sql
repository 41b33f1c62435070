-- Lists what a worker holds.
--
-- $1 worker  bigint
select id, claim
from pgq_jobs.running
where worker = $1;
