-- Makes a schedule at run time, unless there is one of its name; tells whether it did.
--
-- $1 schedules  text, as JSON
-- $2 inputs     bytea[], theirs
-- $3 keys       bytea[], by what their jobs are the same as others; null where they are not
-- $4 channel    text
-- $5 taken_by   bigint, the fingerprint of a build that takes its input; null if none has been asked
--
-- Only who has read its revision ticks it.
with locked as materialized (
    -- Nobody sees a later revision before this one.
    select pg_advisory_xact_lock(hashtextextended('pgq_jobs.schedule', 7366551)) is not null as done
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
), made as (
    insert into pgq_jobs.schedule
        (name, made, task, expression, time_zone, starts_at, ends_at, digest, last_tick, revision,
         missed, missed_within, overlap, jitter, queue, priority, max_attempts, fingerprint, input,
         detail, unique_key, unique_within, conflict, takes)
    select given.name, true, given.task, given.expression, given.time_zone, given.starts_at,
           given.ends_at, numbered.revision, clock_timestamp(), numbered.revision, given.missed,
           given.missed_within, given.overlap, given.jitter, given.queue, given.priority,
           given.max_attempts, given.fingerprint, given.input, given.detail, given.unique_key,
           given.unique_within, given.conflict, array_remove(array[$5::bigint], null)
    from given
    cross join numbered
    on conflict (name) do nothing
    returning name
)
select count(*) = 1 as done, bool_or(pgq_jobs.direct($4)) as told
from made;
