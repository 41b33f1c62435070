-- Sets when jobs are due that are scheduled, and wakes the workers if that is soon. Those that are
-- not scheduled any more are left alone. One that waited for a key waits no more: it comes to the keys
-- anew. What somebody else has locked is not waited for, as in `delete_jobs`.
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
    where ctid = any (array(
        select ctid
        from pgq_jobs.scheduled
        where id = any ($1)
        for update skip locked
    ))
    returning id, run_at, marks
), waits_no_more as (
    delete from pgq_jobs.set_aside
    where job = any (array(select id from moved where marks & 1 <> 0))
), woken as (
    select pgq_jobs.wake($4, 'scheduled')
    from (select from moved where run_at < now() + interval '2 seconds' limit 1) as soon
)
select moved.id, (select count(*) from woken) as woken
from moved;
