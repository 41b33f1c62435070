-- Enqueues the job of a tick as `tick` does, of a task whose jobs are unique: one job, since the order in
-- which keys are taken is not that of schedules. Returns a row if the tick is over now: its job if it has one,
-- whether that is a new one or has taken the place of another, and the job before it.
--
-- $1 schedule      text
-- $2 previous      timestamptz; of a job that somebody has requested, when he has
-- $3 tick          timestamptz; null if the job is no tick, and has been triggered
-- $4 input         bytea, a stub if the input is kept apart; null for the one that is stored of the schedule
-- $5 task          text
-- $6 queue         text
-- $7 priority      smallint
-- $8 max_attempts  smallint
-- $9 fingerprint   bigint
-- $10 channel      text
-- $11 large        bytea, the input that is kept apart, or null
-- $12 run_at       timestamptz, or null for now
-- $13 overlap      text: what becomes of the tick while the job before it is unfinished. With 'skip'
--                  it has no job, with 'queue_one' it is left for later, else nothing
-- $14 detail       text, the job's detail as JSON, or null
-- $15 marks        smallint
-- $16 version      bigint, the digest of the declaration; the revision if the job has been triggered
-- $17 key          bytea, what is compared; empty for what is stored of the schedule
-- $18 period       bigint, for how long in microseconds; null until it has ended
-- $19 conflict     text: with 'skip' the tick has no job if one is there that is the same, with
--                  'replace' its job takes the place of that one if it has not been started
--
-- A build whose declaration of the schedule is not the one that is stored does not tick: old and new
-- builds run side by side for a while, and only one of them knows when the ticks are.
--
-- For a key, or the row, that somebody else keeps locked it does not wait for long: it keeps the schedule
-- from others meanwhile.
with limited as materialized (
    select set_config('lock_timeout', '100ms', true) is not null as done
), last (job, lane) as (
    select last_job, last_lane
    from pgq_jobs.schedule
    where name = $1
), overlap (found) as materialized (
    select case
        when $3::timestamptz is null or $13 in ('allow', 'cancel_running') then false
        else exists (
                select from last
                join pgq_jobs.scheduled as scheduled on scheduled.id = last.job
            )
            or exists (
                select from last
                cross join lateral (
                    select from pgq_jobs.ready as ready
                    where hashtextextended(ready.queue, ready.priority) = last.lane
                      and ready.seq = last.job
                      and ready.id = last.job
                    limit 1
                ) as waiting
            )
            or exists (
                select from last
                join pgq_jobs.ready as ready on ready.id = last.job and ready.id <> ready.seq
            )
            or exists (
                select from last
                cross join pgq_jobs.worker as worker
                cross join lateral (
                    select from pgq_jobs.running as running
                    where running.worker = worker.id and running.id = last.job
                    limit 1
                ) as held
            )
    end
), due as materialized (
    select schedule.name, coalesce($4, pgq_jobs.part_input(schedule.input)) as input,
           coalesce($11, case when $4 is null then schedule.input end) as large,
           case when $17 = '\x'::bytea then schedule.unique_key else $17 end as unique_key
    from limited
    cross join pgq_jobs.schedule as schedule
    where schedule.name = $1
      and case
          when $3 is null
              then schedule.revision = $16 and ($2::timestamptz is null or schedule.requested_at = $2)
          else schedule.digest = $16
              and schedule.paused_at is null
              and schedule.last_tick = $2
              and schedule.last_tick < $3
      end
    for update of schedule
), keyed (job, outcome) as materialized (
    select taken.job, taken.outcome
    from due
    cross join overlap
    cross join lateral pgq_jobs.take_keys(
        -- Only for a tick that is due: the call depends on both.
        array[
            case
                when due.name is not null and not overlap.found
                    then substr(encode(sha256(due.unique_key), 'hex'), 1, 32)::uuid
            end
        ],
        array[$18::bigint], $19, hashtextextended($6, $7::smallint)
    ) as taken
    where not overlap.found
), won (job, found, is_new, input, large) as (
    update pgq_jobs.schedule as schedule
    set last_tick = coalesce($3, schedule.last_tick),
        requested_at = case when $3 is not null or $2::timestamptz is null then schedule.requested_at end,
        last_job = case
            when $3 is null or overlap.found or keyed.outcome = 'existing' then schedule.last_job
            else keyed.job
        end,
        last_lane = case
            when $3 is null or overlap.found or keyed.outcome = 'existing' then schedule.last_lane
            else hashtextextended($6, $7::smallint)
        end,
        recent = case
            when overlap.found or keyed.outcome = 'existing' then schedule.recent
            else (keyed.job || array_remove(schedule.recent, keyed.job))[1:10]
        end
    from due
    cross join overlap
    left join keyed on true
    where schedule.name = due.name
      and not (overlap.found and $13 = 'queue_one')
    returning keyed.job, overlap.found or coalesce(keyed.outcome = 'existing', false),
              coalesce(keyed.outcome = 'new', true), due.input, due.large
), added as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select job, case when is_new then job else nextval('pgq_jobs.job_number') end, $9, now(), 0, $7,
           0, $8, 0, $15, $6, $5, input
    from won
    where not found and $12::timestamptz is null
    returning id
), later as (
    insert into pgq_jobs.scheduled
        (id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select job, $9, now(), $12, 0, $7, 0, $8, 0, $15, $6, $5, input
    from won
    where not found and $12 is not null
    returning id
), enqueued (id, topic) as (
    select id, 'ready ' || $6
    from added
    union all
    select id, 'scheduled'
    from later
), kept as (
    insert into pgq_jobs.large_input (job, input)
    select enqueued.id, won.large
    from enqueued
    cross join won
    -- It is a stub.
    where substr(won.input, 1, 1) = '\xff'::bytea
), detailed as (
    insert into pgq_jobs.detail
        (job, expires_at, concurrency_key, order_key, rate_key, parent, root, tags, headers)
    select enqueued.id,
           coalesce(
               given.expires_at,
               greatest($12, now()) + given.expires_in * interval '1 microsecond'
           ),
           given.concurrency_key, given.order_key, given.rate_key, given.parent, given.root,
           given.tags, given.headers
    from enqueued
    cross join jsonb_to_record($14::jsonb) as given (
        expires_at timestamptz, expires_in bigint, concurrency_key bigint, order_key bigint,
        rate_key bigint, parent bigint, root bigint, tags text[], headers jsonb
    )
    where $14 is not null
    returning job, expires_at
), expiring as (
    insert into pgq_jobs.expiry (job, expires_at, lane)
    select job, expires_at, hashtextextended($6, $7::smallint)
    from detailed
    where expires_at is not null
), woken as materialized (
    select case
        when $12 is null or $12 < now() + interval '2 seconds' then pgq_jobs.wake($10, topic)
    end
    from enqueued
)
select (select enqueued.id from enqueued) as job, (select last.job from last) as last_job,
       won.is_new, (select count(*) from woken) as told
from won;
