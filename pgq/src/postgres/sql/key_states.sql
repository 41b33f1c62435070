-- Tells where keys stand: how many jobs hold each, which of some jobs do, and whether any wait in a line
-- of it. One that was cancelled, or is to start earlier by somebody's wish, waits no more.
--
-- $1 keys   bigint[]
-- $2 lines  text[], as in `set_aside`
-- $3 jobs   bigint[]
--
-- The order is for the planner: without it, it may walk all that waits for other keys of the task.
select asked.key,
       (
           select count(*)
           from pgq_jobs.key_permit as permit
           where permit.key = asked.key and permit.worker is not null
       ) as holders,
       array(
           select permit.job
           from pgq_jobs.key_permit as permit
           where permit.key = asked.key and permit.job = any ($3) and permit.worker is not null
       ) as own,
       coalesce((
           select true
           from pgq_jobs.set_aside as set_aside
           cross join lateral (
               select scheduled.run_at
               from pgq_jobs.scheduled as scheduled
               where scheduled.id = set_aside.job
               limit 1
           ) as aside
           where set_aside.key = asked.key
             and set_aside.line = asked.line
             and aside.run_at = '9999-01-01 00:00:00+00'
           order by set_aside.place
           limit 1
       ), false) as waited_for
from unnest($1::bigint[], $2::text[]) as asked (key, line);
