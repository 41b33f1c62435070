-- Tells of which keys the line of a queue has its turn, and which of the jobs that wait there a worker may
-- take, in their order. The task's keys are locked by this transaction.
--
-- $1 tasks         text[], the names of the task
-- $2 queue         text, what the worker claims; so are the next three
-- $3 names         text[]
-- $4 fingerprints  bigint[], or null for any
-- $5 horizon       bigint, or null: only jobs that were enqueued up to this number
-- $6 after         bigint, or null: looks as well at some keys whose turn is later than this, since the
--                  rate may be another one than when that was said
-- $7 limit         bigint, how many keys, of each
-- $8 room          bigint, how many jobs of a key
-- $9 pass          bigint, or null: only keys whose turn was until then, as a look has begun that has not
--                  seen all of them
-- $10 max          int, the rate: so many tokens in the next number of microseconds; null for any
-- $11 per          bigint
-- $12 burst        int
--
-- Says the time at least. A row without a job says that there are none to take, or no tokens, one without
-- `is_ours` that the job waits no more. Of tokens there may be one less than this believes.
--
-- `is not distinct from` keeps the planner from the index over times: all that wait have one time.
with clock as materialized (
    select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now
), due as materialized (
    select of_task.key, of_task.due
    from unnest($1::text[]) as name (task)
    cross join lateral (
        select turn.key, turn.due
        from pgq_jobs.key_turn as turn
        where turn.task = name.task
          and turn.line = $2
          and turn.due <= coalesce($9::bigint, (select now from clock))
        order by turn.due
        limit $7
    ) as of_task
    limit $7
), later as materialized (
    select of_task.key, of_task.due
    from unnest($1::text[]) as name (task)
    cross join lateral (
        select turn.key, turn.due
        from pgq_jobs.key_turn as turn
        where turn.task = name.task
          and turn.line = $2
          and turn.due > greatest($6::bigint, (select now from clock))
          and $6::bigint is not null
        order by turn.due
        limit $7
    ) as of_task
    limit $7
), looked as materialized (
    select key from due
    union
    select key from later
)
select looked.key, coalesce(bucket.debt, 0) as debt, coalesce(bucket.at, 0) as at,
       clock.now, waiting.job, waiting.place, waiting.line, waiting.is_ours,
       (select count(*) from due) >= $7 as more,
       (select max(due) from later having count(*) >= $7) as after
from clock
left join looked on true
left join lateral (
    select own.debt, own.at,
           -- `greatest` takes no notice of a null.
           case
               when $12::int is not null then greatest(
                   ceil($12::int - greatest(
                       own.debt / 1e9 - greatest(clock.now - own.at, 0)::float8 * $10::int / $11::bigint, 0
                   )),
                   0
               )::bigint
           end as tokens
    from pgq_jobs.key_bucket as own
    where own.key = looked.key
    limit 1
) as bucket on true
left join lateral (
    select own.job, own.place, own.line, aside.is_ours
    from (
        select set_aside.job, set_aside.place, set_aside.line
        from pgq_jobs.set_aside as set_aside
        where set_aside.key = looked.key and set_aside.line = $2
        order by set_aside.place
        limit 1000
    ) as own
    left join lateral (
        select scheduled.queue = $2
               and scheduled.task = any ($3)
               and ($4::bigint[] is null or scheduled.fingerprint is null
                    or scheduled.fingerprint = any ($4))
               and scheduled.id <= coalesce($5::bigint, 9223372036854775807) as is_ours
        from pgq_jobs.scheduled as scheduled
        where scheduled.id = own.job
          and scheduled.run_at is not distinct from '9999-01-01 00:00:00+00'
        limit 1
    ) as aside on true
    where aside.is_ours is distinct from false
    order by own.place
    limit case when bucket.tokens = 0 then 0 else 4 + least(coalesce(bucket.tokens, $12::int), $8::bigint) end
) as waiting on true
order by looked.key, waiting.place;
