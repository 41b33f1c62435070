-- Adds a worker, unless its id is taken.
--
-- $1 worker        bigint
-- $2 lease         bigint, in microseconds
-- $3 pid           int
-- $4 host          text
-- $5 queues        text[]
-- $6 concurrency   int
-- $7 pgq_version   text
-- $8 app_version   text, or null
-- $9 tasks         text[]
-- $10 fingerprints  bigint[], of the inputs of the tasks
-- $11 schedules     text[]
-- $12 declarations  bigint[], the digests of the schedules; none if it does not tick
-- $13 keyed         text[], the names of the tasks whose jobs it takes by keys
-- $14 aliases       text[], other names of the tasks
-- $15 inputs        bigint[], the fingerprints that it can run; null for any
-- $16 ticks         boolean
insert into pgq_jobs.worker
    (id, lease_until, pid, host, queues, concurrency, pgq_version, app_version, tasks, fingerprints,
     schedules, declarations, keyed, aliases, inputs, ticks)
values
    ($1, now() + $2::bigint * interval '1 microsecond', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
     $14, $15, $16)
on conflict (id) do nothing;
