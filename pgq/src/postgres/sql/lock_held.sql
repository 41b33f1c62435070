-- Locks a running job of a worker against its end, until the transaction ends; finds no row if the
-- worker does not hold the job under that claim.
--
-- $1 worker  bigint
-- $2 job     bigint
-- $3 claim   bigint
select id
from pgq_jobs.running
where worker = $1 and id = $2 and claim = $3
for key share;
