-- Declares a schedule anew whose stored declaration is that of no worker that lives and ticks.
--
-- $1 name        text
-- $2 task        text
-- $3 expression  text
-- $4 time zone   text
-- $5 starts_at   timestamptz, null where it always ticks
-- $6 ends_at     timestamptz, null where it goes on
-- $7 digest      bigint
-- $8 seen        bigint, the digest of the declaration that is to be replaced
-- $9 since       timestamptz: ticks before that are not made up for
update pgq_jobs.schedule
set task = $2,
    expression = $3,
    time_zone = $4,
    starts_at = $5,
    ends_at = $6,
    digest = $7,
    last_tick = greatest(last_tick, $9),
    declared_at = now()
where name = $1
  and digest = $8
  and not exists (
      select
      from pgq_jobs.worker as worker
      where worker.lease_until > now() and $8 = any (worker.declarations)
  );
