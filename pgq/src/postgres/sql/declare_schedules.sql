-- Adds the schedules that are new, and updates those whose declaration has changed. A schedule
-- whose expression, zone, start or end changed begins anew: ticks of the new one that lie in the
-- past do not fire. One that was made at run time is left as it is.
--
-- $1 schedules  text, as JSON
-- $2 inputs     bytea[], theirs
-- $3 keys       bytea[], by what their jobs are the same as others; null where they are not
with held as materialized (
    select schedule.name
    from jsonb_to_recordset($1::text::jsonb) as declared (name text)
    join pgq_jobs.schedule as schedule on schedule.name = declared.name
    where not schedule.made
    -- So that two of them do not wait for each other.
    order by schedule.name
    for update of schedule
), locked as materialized (
    -- Nobody sees a later revision before this one. It comes after the rows, for which it may wait: all other
    -- changes wait for it.
    select pg_advisory_xact_lock(hashtextextended('pgq_jobs.schedule', 7366551)) is not null as done
    from (select count(*) from held) as all_held
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
)
insert into pgq_jobs.schedule
    (name, task, expression, time_zone, starts_at, ends_at, digest, last_tick, revision, missed,
     missed_within, overlap, jitter, queue, priority, max_attempts, fingerprint, input, detail,
     unique_key, unique_within, conflict)
select name, task, expression, time_zone, starts_at, ends_at, digest, now(),
       nextval('pgq_jobs.schedule_revision'), missed, missed_within, overlap, jitter, queue, priority,
       max_attempts, fingerprint, input, detail, unique_key, unique_within, conflict
from given
-- So that two of them do not wait for each other.
order by name collate "C"
on conflict (name) do update
set task = excluded.task,
    expression = excluded.expression,
    time_zone = excluded.time_zone,
    starts_at = excluded.starts_at,
    ends_at = excluded.ends_at,
    digest = excluded.digest,
    last_tick = case
        when schedule.digest = excluded.digest then schedule.last_tick
        else greatest(schedule.last_tick, excluded.last_tick)
    end,
    declared_at = now(),
    kept_at = now(),
    revision = excluded.revision,
    missed = excluded.missed,
    missed_within = excluded.missed_within,
    overlap = excluded.overlap,
    jitter = excluded.jitter,
    queue = excluded.queue,
    priority = excluded.priority,
    max_attempts = excluded.max_attempts,
    fingerprint = excluded.fingerprint,
    input = excluded.input,
    detail = excluded.detail,
    unique_key = excluded.unique_key,
    unique_within = excluded.unique_within,
    conflict = excluded.conflict
where not schedule.made and (
    schedule.task, schedule.digest, schedule.missed, schedule.missed_within, schedule.overlap,
    schedule.jitter, schedule.queue, schedule.priority, schedule.max_attempts,
    schedule.fingerprint, schedule.input, schedule.detail, schedule.unique_key,
    schedule.unique_within, schedule.conflict
) is distinct from (
    excluded.task, excluded.digest, excluded.missed, excluded.missed_within, excluded.overlap,
    excluded.jitter, excluded.queue, excluded.priority, excluded.max_attempts,
    excluded.fingerprint, excluded.input, excluded.detail, excluded.unique_key,
    excluded.unique_within, excluded.conflict
);
