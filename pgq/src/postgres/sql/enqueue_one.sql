-- Adds one job that is due at once, and wakes the workers of its queue.
--
-- $1 task          text
-- $2 queue         text
-- $3 priority      smallint
-- $4 max_attempts  smallint
-- $5 fingerprint   bigint
-- $6 channel       text
-- $7 input         bytea
--
-- What `enqueue_ready` says holds here, too. For one job this costs the server less: it reads no array, and looks
-- whether somebody waits where it returns the row. The parameters are in another order, so that the server refuses
-- those of one statement where a pooler has it run the other.
insert into pgq_jobs.ready
    (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths, marks,
     queue, task, input)
select numbered.n, numbered.n, $5, statement_timestamp(), 0, $3, 0, $4, 0, 0, $2, $1, $7
from (
    select nextval('pgq_jobs.job_number') as n
    where $6 = btrim('pgq_jobs.', '".')
) as numbered
returning id, pgq_jobs.wake($6, 'ready ' || $2);
