-- Ends the wait that `park` has begun.
--
-- $1 channel  text
-- $2 topic    text
select pg_advisory_unlock_shared(pgq_jobs.parked_lock($1, $2));
