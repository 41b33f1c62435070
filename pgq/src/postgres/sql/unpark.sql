-- Ends the wait that `park` has begun.
--
-- $1 channel  text
-- $2 topic    text
select bool_and(pg_advisory_unlock_shared(pgq_jobs.parked_lock($1, $2, place)))
from generate_series(0, 7) as place;
