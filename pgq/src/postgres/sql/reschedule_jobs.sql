-- Sets when jobs are due that are scheduled, and wakes the workers if that is soon. Those that are
-- not scheduled any more are left alone.
--
-- $1 jobs     bigint[]
-- $2 run_at   timestamptz, or null for
-- $3 delay    bigint, in microseconds from now
-- $4 channel  text
with moved as (
    update pgq_jobs.scheduled
    set run_at = case
        when $2::timestamptz is null then now() + $3::bigint * interval '1 microsecond'
        else greatest($2, now())
    end
    where id = any ($1)
    returning id, run_at
), woken as (
    select pgq_jobs.wake($4, 'scheduled')
    from (select from moved where run_at < now() + interval '2 seconds' limit 1) as soon
)
select moved.id, (select count(*) from woken) as woken
from moved;
