-- Enqueues the jobs of ticks, of those that nobody else has enqueued: the last tick is compared and set in
-- the same statement. So is whether the job before it is unfinished, if that matters: each move of a job is
-- one statement, so that a snapshot sees it in one of the tables. Returns the place of each tick
-- that is over now, its job, if it has one, and the one before it; and those whose rows are locked.
--
-- $1 schedules      text[], each once
-- $2 versions       bigint[], the digests of the schedules as who ticks knows them; their revisions where one has
--                   been triggered
-- $3 previous       timestamptz[]; where a job has been triggered because somebody has requested it, when he has
-- $4 ticks          timestamptz[]; null where the job is no tick, and has been triggered
-- $5 tasks          text[]
-- $6 queues         text[]
-- $7 priorities     smallint[]
-- $8 max_attempts   smallint[]
-- $9 fingerprints   bigint[]
-- $10 marks         smallint[]
-- $11 inputs        bytea[], stubs in the place of large ones; null for the input that is stored of the schedule
-- $12 run_at        timestamptz[], null for now
-- $13 overlaps      text[]: what becomes of a tick while the job before it is unfinished. With 'skip' it
--                   has no job, with 'queue_one' it is left for later, else nothing
-- $14 places        bigint[], from 1: where in `inputs` the stubs are
-- $15 large         bytea[], the inputs that they stand for
-- $16 detailed      bigint[], from 1: the places of the jobs that have a detail
-- $17 details       text[], these, as JSON
-- $18 channel       text
--
-- Who knows another digest does not tick: old and new builds run side by side for a while, and only one of
-- them knows when the ticks are; and a schedule that was made at run time may have been edited since it was
-- read. Nobody waits for a row that somebody else has locked: of that is told, and the others are ticked.
with given as materialized (
    select given.name, given.version, given.previous, given.at, given.task, given.queue, given.priority,
           given.max_attempts, given.fingerprint, given.marks, given.input, given.run_at, given.overlap,
           given.place
    from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::text[],
                $6::text[], $7::smallint[], $8::smallint[], $9::bigint[], $10::smallint[],
                $11::bytea[], $12::timestamptz[], $13::text[]) with ordinality
        as given (name, version, previous, at, task, queue, priority, max_attempts, fingerprint, marks,
                  input, run_at, overlap, place)
), due as materialized (
    select given.place, schedule.name, given.at, given.previous, schedule.last_job, schedule.last_lane, given.task,
           given.queue, given.priority, given.max_attempts, given.fingerprint, given.marks,
           coalesce(given.input, pgq_jobs.part_input(schedule.input)) as input,
           case when given.input is null then schedule.input end as stored,
           given.run_at, given.overlap,
           case
               when given.at is not null and given.overlap in ('skip', 'queue_one')
                   then schedule.last_job
           end as watched
    from given
    join pgq_jobs.schedule as schedule on schedule.name = given.name
    where case
          when given.at is null
              then schedule.revision = given.version
                  and (given.previous is null or schedule.requested_at = given.previous)
          else schedule.digest = given.version
              and schedule.paused_at is null
              and schedule.last_tick = given.previous
              and schedule.last_tick < given.at
      end
    for update of schedule skip locked
), judged as materialized (
    select due.place, due.name, due.at, due.previous, due.last_job, due.last_lane, due.task, due.queue,
           due.priority, due.max_attempts, due.fingerprint, due.marks, due.input, due.stored,
           due.run_at, due.overlap, nextval('pgq_jobs.job_number') as job,
           coalesce(later.found, waiting.found, again.found, held.found, false) as found
    from due
    left join lateral (
        select true as found
        from pgq_jobs.scheduled as scheduled
        where scheduled.id = due.watched
        limit 1
    ) as later on true
    left join lateral (
        select true as found
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) = due.last_lane
          and ready.seq = due.watched
          and ready.id = due.watched
        limit 1
    ) as waiting on true
    left join lateral (
        select true as found
        from pgq_jobs.ready as ready
        where ready.id = due.watched and ready.id <> ready.seq
        limit 1
    ) as again on true
    left join lateral (
        select true as found
        from pgq_jobs.worker as worker
        cross join lateral (
            select running.id
            from pgq_jobs.running as running
            where running.worker = worker.id and running.id = due.watched
            limit 1
        ) as one
        limit 1
    ) as held on true
), won as (
    update pgq_jobs.schedule as schedule
    set last_tick = coalesce(judged.at, schedule.last_tick),
        requested_at = case
            when judged.at is not null or judged.previous is null then schedule.requested_at
        end,
        last_job = case
            when judged.at is null or judged.found then schedule.last_job
            else judged.job
        end,
        last_lane = case
            when judged.at is null or judged.found then schedule.last_lane
            else hashtextextended(judged.queue, judged.priority)
        end,
        recent = case
            when judged.found then schedule.recent
            else (judged.job || schedule.recent)[1:10]
        end
    from judged
    where schedule.name = judged.name and not (judged.found and judged.overlap = 'queue_one')
    returning judged.place, judged.job, judged.last_job as last_job, judged.task, judged.queue,
              judged.priority, judged.max_attempts, judged.fingerprint, judged.marks, judged.input,
              judged.stored, judged.run_at, judged.found
), added as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select job, job, fingerprint, now(), 0, priority, 0, max_attempts, 0, marks, queue, task, input
    from won
    where not found and run_at is null
), later as (
    insert into pgq_jobs.scheduled
        (id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select job, fingerprint, now(), run_at, 0, priority, 0, max_attempts, 0, marks, queue, task, input
    from won
    where not found and run_at is not null
), kept as (
    insert into pgq_jobs.large_input (job, input)
    select won.job, coalesce(large.input, won.stored)
    from won
    left join unnest($14::bigint[], $15::bytea[]) as large (place, input) on large.place = won.place
    where not won.found
      -- It is a stub.
      and substr(won.input, 1, 1) = '\xff'::bytea
), detailed as (
    insert into pgq_jobs.detail
        (job, expires_at, concurrency_key, order_key, rate_key, parent, root, tags, headers)
    select won.job,
           coalesce(
               given.expires_at,
               greatest(won.run_at, now()) + given.expires_in * interval '1 microsecond'
           ),
           given.concurrency_key, given.order_key, given.rate_key, given.parent, given.root,
           given.tags, given.headers
    from unnest($16::bigint[], $17::text[]) as detail (place, json)
    join won on won.place = detail.place and not won.found
    cross join jsonb_to_record(detail.json::jsonb) as given (
        expires_at timestamptz, expires_in bigint, concurrency_key bigint, order_key bigint,
        rate_key bigint, parent bigint, root bigint, tags text[], headers jsonb
    )
    returning job, expires_at
), expiring as (
    insert into pgq_jobs.expiry (job, expires_at, lane)
    select detailed.job, detailed.expires_at, hashtextextended(won.queue, won.priority)
    from detailed
    join won on won.job = detailed.job
    where detailed.expires_at is not null
), topic as (
    select distinct case
        when won.run_at is null then 'ready ' || won.queue
        when won.run_at < now() + interval '2 seconds' then 'scheduled'
    end as name
    from won
    where not won.found
), woken as materialized (
    select bool_or(pgq_jobs.wake($18, topic.name)) as told
    from topic
    where topic.name is not null
)
select won.place, case when not won.found then won.job end as job, won.last_job, false as is_locked
from won
cross join woken
union all
select given.place, null, null, true
from given
join pgq_jobs.schedule as schedule on schedule.name = given.name
where not exists (select from due where due.place = given.place)
  and case
      when given.at is null
          then schedule.revision = given.version
              and (given.previous is null or schedule.requested_at = given.previous)
      else schedule.digest = given.version
          and schedule.paused_at is null
          and schedule.last_tick = given.previous
          and schedule.last_tick < given.at
  end;
