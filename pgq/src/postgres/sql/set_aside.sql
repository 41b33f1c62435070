-- Lets jobs that this transaction has claimed wait for keys, and puts others back to where they were,
-- as if they had not been claimed.
--
-- $1 worker  bigint
-- $2 jobs    bigint[]
-- $3 keys    bigint[], the key that each waits for; null for those that go back
-- $4 places  bigint[], the order among those of a key; of those that go back, their `seq`
-- $5 kinds   smallint[], what the keys are, as in `set_aside`
-- $6 task    text, the name that the keys go by
--
-- One that goes back was there, with that number, for everybody who has looked meanwhile: no cursor is
-- above it.
with aside as materialized (
    select job, key, place, kind
    from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[])
        as aside (job, key, place, kind)
), taken as (
    delete from pgq_jobs.running
    where ctid = any (array(
        select held.ctid
        from aside
        cross join lateral (
            select running.ctid
            from pgq_jobs.running as running
            where running.worker = $1 and running.id = aside.job
            limit 1
        ) as held
    ))
    returning id, fingerprint, created_at, deliveries - 1 as deliveries, priority,
              (attempt - 1)::smallint as attempt, max_attempts, deaths, marks, queue, task, input
), waiting as (
    insert into pgq_jobs.scheduled
        (id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select taken.id, taken.fingerprint, taken.created_at, '9999-01-01 00:00:00+00',
           taken.deliveries, taken.priority, taken.attempt, taken.max_attempts, taken.deaths,
           taken.marks, taken.queue, taken.task, taken.input
    from taken
    join aside on aside.job = taken.id and aside.key is not null
), back as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select taken.id, aside.place, taken.fingerprint, taken.created_at, taken.deliveries,
           taken.priority, taken.attempt, taken.max_attempts, taken.deaths, taken.marks,
           taken.queue, taken.task, taken.input
    from taken
    join aside on aside.job = taken.id and aside.key is null
), turns as (
    -- When its turn is, the ask says at its end.
    insert into pgq_jobs.key_turn (key, line, task, due)
    select distinct aside.key, taken.queue, $6, 9223372036854775807
    from taken
    join aside on aside.job = taken.id and aside.kind = 3
    on conflict (key, line) do nothing
)
insert into pgq_jobs.set_aside (job, key, place, kind, task, line)
select aside.job, aside.key, aside.place, aside.kind, $6,
       case aside.kind when 1 then '' else taken.queue end
from taken
join aside on aside.job = taken.id and aside.key is not null
on conflict (job) do update
set key = excluded.key, place = excluded.place, kind = excluded.kind, task = excluded.task,
    line = excluded.line;
