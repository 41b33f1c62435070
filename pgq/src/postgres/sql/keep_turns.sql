-- Keeps where the buckets of keys stand, and when it is the turn of the lines that wait for their tokens.
-- The task's keys are locked by this transaction, which has seen to it before who waits.
--
-- $1 task   text, the name that the keys go by
-- $2 keys   bigint[]
-- $3 debts  bigint[]; so are the next three, the times in microseconds since 1970
-- $4 ats    bigint[]
-- $5 next   bigint[], when there is a token
-- $6 full   bigint[], when the bucket is full
-- $7 queue    text
-- $8 looked   bigint, when it was looked whose turn it is
-- $9 horizon  bigint, or null: only jobs that were enqueued up to this number are waited for
--
-- Deletes buckets that are full. Returns how long it is until the next turn in the line of the queue that
-- was not looked at, in microseconds; null if there is none.
with asked as materialized (
    select key, debt, at, next, full_at
    from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
        as asked (key, debt, at, next, full_at)
), clock as materialized (
    select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now
), kept as (
    insert into pgq_jobs.key_bucket as key_bucket (key, task, debt, at, full_at)
    select key, $1, debt, at, full_at
    from asked
    where debt > 0
    on conflict (key) do update
    set debt = excluded.debt, at = excluded.at, full_at = excluded.full_at
), lines as materialized (
    select asked.key, of_key.line, of_key.at, asked.next, asked.at as read_at,
           (
               select true
               from pgq_jobs.set_aside as set_aside
               where set_aside.key = asked.key and set_aside.line = of_key.line
               order by set_aside.place
               limit 1
           ) as is_waited_in
    from asked
    cross join lateral (
        select turn.line, turn.ctid as at
        from pgq_jobs.key_turn as turn
        where turn.key = asked.key
        order by turn.line
        limit 1000
    ) as of_key
), moved as (
    insert into pgq_jobs.key_turn as turn (key, line, task, due)
    select key, line, $1, next
    from lines
    where is_waited_in
    on conflict (key, line) do update
    set due = excluded.due
    where turn.due is distinct from excluded.due
), gone as (
    delete from pgq_jobs.key_turn
    where ctid = any (array(
        select at
        from lines
        where is_waited_in is null
    ))
), swept as (
    delete from pgq_jobs.key_bucket
    where ctid = any (array(
        select full_bucket.ctid
        from pgq_jobs.key_bucket as full_bucket
        where full_bucket.task = $1
          and full_bucket.full_at <= (select now from clock)
          and full_bucket.key <> all ($2)
        order by full_bucket.full_at
        limit 1000
    ))
), coming as materialized (
    select least(
               (
                   select min(next)
                   from lines
                   where is_waited_in
                     and line = $7
                     -- Those that have a token were left for another reason.
                     and next > read_at
                     and ($9::bigint is null or (
                         select true
                         from (
                             select set_aside.job
                             from pgq_jobs.set_aside as set_aside
                             where set_aside.key = lines.key and set_aside.line = $7
                             order by set_aside.place
                             limit 1000
                         ) as first
                         where first.job <= $9
                         limit 1
                     ))
               ),
               (
                   select turn.due
                   from pgq_jobs.key_turn as turn
                   where turn.task = $1
                     and turn.line = $7
                     and turn.due > $8::bigint
                     and turn.key <> all ($2)
                     and ($9::bigint is null or (
                         select true
                         from (
                             select set_aside.job
                             from pgq_jobs.set_aside as set_aside
                             where set_aside.key = turn.key and set_aside.line = $7
                             order by set_aside.place
                             limit 1000
                         ) as first
                         where first.job <= $9
                         limit 1
                     ))
                   order by turn.due
                   limit 1
               )
           ) as due
)
-- `greatest` takes no notice of a null.
select case when coming.due is not null then greatest(coming.due - clock.now, 0) end as wait
from coming
cross join clock;
