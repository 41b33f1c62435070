-- Adds jobs of one task that are due at once, and wakes the workers of their queue.
--
-- $1 inputs        bytea[]
-- $2 task          text
-- $3 queue         text
-- $4 priority      smallint
-- $5 max_attempts  smallint
-- $6 fingerprint   bigint
-- $7 channel       text
--
-- The number is drawn by the inserting statement, after it has locked the table. The subquery
-- keeps the two columns from drawing one each. The insert is the statement itself: as a part of one
-- its rows would be stored once more before they are returned.
--
-- Behind a pooler that lends a session to many clients it may be run in the place of the same statement of another
-- schema, whose jobs it must not take.
with woken as materialized (
    select pgq_jobs.wake($7, 'ready ' || $3)
)
insert into pgq_jobs.ready
    (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths, marks,
     queue, task, input)
select numbered.n, numbered.n, $6, statement_timestamp(), 0, $4, 0, $5, 0, 0, $3, $2,
       numbered.input
from (
    select nextval('pgq_jobs.job_number') as n, input
    from unnest($1::bytea[]) as input
    where $7 = btrim('pgq_jobs.', '".')
) as numbered
cross join woken
returning id;
