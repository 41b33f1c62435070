-- Declares a schedule anew whose stored declaration is that of no worker that lives and ticks.
--
-- $1 schedules  text, as JSON
-- $2 inputs     bytea[], theirs
-- $3 keys       bytea[], by what their jobs are the same as others; null where they are not
-- $4 seen       bigint, the digest of the declaration that is to be replaced
-- $5 since      timestamptz: ticks before that are not made up for
with held as materialized (
    select schedule.name
    from jsonb_to_recordset($1::text::jsonb) as taken (name text)
    join pgq_jobs.schedule as schedule on schedule.name = taken.name
    where not schedule.made and schedule.digest = $4
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
)
update pgq_jobs.schedule as schedule
set task = given.task,
    expression = given.expression,
    time_zone = given.time_zone,
    starts_at = given.starts_at,
    ends_at = given.ends_at,
    digest = given.digest,
    last_tick = greatest(schedule.last_tick, $5),
    declared_at = now(),
    kept_at = now(),
    revision = nextval('pgq_jobs.schedule_revision'),
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
    conflict = given.conflict
from given
where schedule.name = given.name
  and not schedule.made
  and schedule.digest = $4
  and not exists (
      select
      from pgq_jobs.worker as worker
      where worker.lease_until > now() and $4 = any (worker.declarations)
  );
