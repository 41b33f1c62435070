-- Puts another schedule in the place of one that was made at run time; tells whether it did. If it is to
-- tick at other times it begins anew, so that ticks of the new one that lie in the past do not fire.
--
-- $1 schedules  text, as JSON
-- $2 inputs     bytea[], theirs
-- $3 keys       bytea[], by what their jobs are the same as others; null where they are not
-- $4 revision   bigint, of the one that is there
-- $5 channel    text
-- $6 since      timestamptz: since when it ticks at other times, if it does
-- $7 taken_by   bigint, the fingerprint of a build that takes its input; null if none has been asked
with limited as materialized (
    select set_config('lock_timeout', '5s', true) is not null as done
), held as materialized (
    select schedule.name
    from limited
    cross join jsonb_to_recordset($1::text::jsonb) as edited (name text)
    join pgq_jobs.schedule as schedule on schedule.name = edited.name
    where schedule.made and schedule.revision = $4
    for update of schedule
), locked as materialized (
    -- Nobody sees a later revision before this one. It comes after the row, for which it may wait: all other
    -- changes wait for it.
    select pg_advisory_xact_lock(hashtextextended('pgq_jobs.schedule', 7366551)) is not null as done
    from held
), given as materialized (
    select given.place, given.name, given.task, given.expression, given.time_zone, given.starts_at,
           given.ends_at, given.digest, given.missed, given.missed_within, given.overlap, given.jitter,
           given.queue, given.priority, given.max_attempts, given.fingerprint, apart.input,
           given.detail, apart.unique_key, given.unique_within, given.conflict
    from jsonb_to_recordset($1::text::jsonb) as given (
        place int, name text, task text, expression text, time_zone text, starts_at timestamptz,
        ends_at timestamptz, digest bigint, missed text, missed_within bigint, overlap text,
        jitter bigint, queue text, priority smallint, max_attempts smallint, fingerprint bigint,
        detail jsonb, unique_within bigint, conflict text
    )
    join unnest($2::bytea[], $3::bytea[]) with ordinality as apart (input, unique_key, place)
        on apart.place = given.place
    cross join locked
), numbered as materialized (
    select nextval('pgq_jobs.schedule_revision') as revision
    from locked
), edited as (
    update pgq_jobs.schedule as schedule
    set task = given.task,
        expression = given.expression,
        time_zone = given.time_zone,
        starts_at = given.starts_at,
        ends_at = given.ends_at,
        digest = numbered.revision,
        last_tick = case
            when (schedule.expression, schedule.time_zone, schedule.starts_at, schedule.ends_at)
                is distinct from
                (given.expression, given.time_zone, given.starts_at, given.ends_at)
                then greatest(schedule.last_tick, $6)
            else schedule.last_tick
        end,
        declared_at = now(),
        revision = numbered.revision,
        missed = given.missed,
        missed_within = given.missed_within,
        overlap = given.overlap,
        jitter = given.jitter,
        queue = given.queue,
        priority = given.priority,
        max_attempts = given.max_attempts,
        fingerprint = given.fingerprint,
        input = given.input,
        detail = given.detail,
        unique_key = given.unique_key,
        unique_within = given.unique_within,
        conflict = given.conflict,
        takes = case
            when $7::bigint is not null then array[$7::bigint]
            when (schedule.task, schedule.input) = (given.task, given.input) then schedule.takes
            else '{}'
        end,
        problem = case
            when $7::bigint is null and given.fingerprint is null
                and (schedule.task, schedule.input) = (given.task, given.input)
                then schedule.problem
        end
    from given
    cross join numbered
    where schedule.name = given.name and schedule.made and schedule.revision = $4
    returning schedule.name
)
select count(*) = 1 as done, bool_or(pgq_jobs.direct($5)) as told
from edited;
