-- Begins to wait for the wake-ups of a topic, until the session unparks or ends. Others hold the
-- lock for microseconds only.
--
-- $1 channel  text
-- $2 topic    text
select pg_advisory_lock_shared(pgq_jobs.parked_lock($1, $2)) is not null;
