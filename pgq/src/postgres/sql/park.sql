-- Begins to wait for the wake-ups of a topic, until the session unparks or ends. Others hold
-- one of the locks for microseconds only.
--
-- $1 channel  text
-- $2 topic    text
select bool_and(pg_advisory_lock_shared(pgq_jobs.parked_lock($1, $2, place)) is not null)
from generate_series(0, 7) as place;
