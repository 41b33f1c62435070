-- Moves the next ready jobs of one queue to a worker: highest priority first, then oldest.
--
-- $1 worker   bigint
-- $2 claim    bigint
-- $3 queue    text
-- $4 tasks    text[]
-- $5 limit    bigint
-- $6 horizon  bigint, or null
-- $7 cursors  bigint[], by priority from 0: only rows above them are looked at
-- $8 fingerprints bigint[], or null: only rows with one of them, or with none, are looked at
--
-- The worker's row is locked against its rescue: otherwise a rescue that does not yet see the
-- claim would leave its jobs behind with nobody to rescue them again. Only a lease that has not
-- ended may claim, and only a claim that the worker still waits for. `alive` tells "nothing to do" from
-- "lease lost".
--
-- A claim that is lost in a crash of the server only gives its jobs back, so it does not wait for
-- the disk. The setting ends with the statement's own transaction.
--
-- A job is claimed after the snapshot that it was seen by, so `claimed_at` is the time when the statement
-- runs, and not when it began.
--
-- The lanes are walked one after the other and only as far as the limit needs: the inner query is
-- lateral, so its rows are locked as the outer limit asks for them.
--
-- `first_visible` is read without locks and without skipping: a row that another claim has locked
-- may come back, so the cursor must stay below it. What lies before it, dead or of other tasks, is
-- walked past once: the rows to lock are looked for from there on.
with quick as materialized (
    select set_config('synchronous_commit', 'off', true), clock_timestamp() as now
), me as materialized (
    select worker.id
    from pgq_jobs.worker as worker
    cross join quick
    where worker.id = $1 and worker.lease_until > now() and worker.claims_from <= $2
    for key share of worker
), lane as materialized (
    select priority::smallint as priority, hashtextextended($3, priority) as hash
    from generate_series(9, 0, -1) as priority
), first_visible as materialized (
    select array_agg(
        (
            select ready.seq
            from pgq_jobs.ready as ready
            where hashtextextended(ready.queue, ready.priority) = lane.hash
              and ready.queue = $3
              and ready.priority = lane.priority
              and ready.task = any ($4)
              and ($8::bigint[] is null or ready.fingerprint is null
                   or ready.fingerprint = any ($8))
              and ready.seq > ($7::bigint[])[lane.priority + 1]
            order by ready.seq
            limit 1
        )
        order by lane.priority
    ) as seqs
    from lane
), taken as (
    delete from pgq_jobs.ready
    where ctid = any (array(
        select candidate.ctid
        from me
        cross join first_visible
        cross join lane
        cross join lateral (
            select ready.ctid
            from pgq_jobs.ready as ready
            where hashtextextended(ready.queue, ready.priority) = lane.hash
              and ready.queue = $3
              and ready.priority = lane.priority
              and ready.task = any ($4)
              and ($8::bigint[] is null or ready.fingerprint is null
                   or ready.fingerprint = any ($8))
              and ready.seq >= first_visible.seqs[lane.priority + 1]
              and ready.seq <= coalesce($6, 9223372036854775807)
            order by ready.seq
            limit $5
            for update skip locked
        ) as candidate
        limit $5
    ))
    returning id, seq, fingerprint, created_at, deliveries + 1 as deliveries, priority,
              attempt + 1::smallint as attempt, max_attempts, deaths, marks, queue, task, input
), moved as (
    insert into pgq_jobs.running
        (id, worker, claim, fingerprint, created_at, claimed_at, deliveries, priority, attempt,
         max_attempts, deaths, marks, queue, task, input)
    select id, $1, $2, fingerprint, created_at, (select now from quick), deliveries, priority, attempt, max_attempts,
           deaths, marks, queue, task, input
    from taken
)
-- One row about the claim, then one for each job, in no order: to sort them here costs twice what
-- it costs the worker.
select exists (select from me) as alive, first_visible.seqs as first_visible,
       null::bigint as seq, null::bigint as id, null::text as task, null::smallint as priority,
       null::smallint as attempt, null::smallint as max_attempts, null::int as deliveries,
       null::bigint as fingerprint, null::bytea as input, null::smallint as marks,
       null::text as detail, null::float8 as waited
from first_visible
union all
select null, null, seq, id, task, priority, attempt, max_attempts, deliveries, fingerprint, input,
       marks,
       case
           when marks & 4 <> 0
               then (
                   select (
                       to_jsonb(detail) || jsonb_build_object(
                           'expired', coalesce(taken.marks & 8 <> 0 and detail.expires_at <= now(), false)
                       )
                   )::text
                   from pgq_jobs.detail as detail
                   where detail.job = taken.id
                   limit 1
               )
       end,
       case when seq = id then date_part('epoch', now() - created_at) end
from taken;
