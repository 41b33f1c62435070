-- Frees the keys of jobs that hold them no more, and makes the jobs ready that waited for those: as many
-- as there are permits, which they hold from now on. The task's keys are locked by this transaction.
--
-- $1 task     text, its name
-- $2 jobs     bigint[], which may hold keys no more; null for all
-- $3 running  int, how many jobs of a concurrency key may run
-- $4 channel  text
--
-- Rows are looked up one by one, whatever the planner thinks of the tables.
--
-- A job that is ready again has another `seq` than its id, so an index finds it; one that is ready for
-- the first time holds nothing.
-- A permit is of no worth if its job has other keys now: it was replaced. Nor is one of a job that was
-- put off before it ever started; while a job waits for another key, it keeps its order.
--
-- Who waits is not waited for while somebody changes him. If others are too few then, the permits stay,
-- so that a later call finds them again.
with stale as materialized (
    select permit.ctid as at, permit.key, permit.kind
    from pgq_jobs.key_permit as permit
    where permit.task = $1
      and permit.job = any (
          coalesce(
              $2::bigint[],
              array(select held.job from pgq_jobs.key_permit as held where held.task = $1)
          )
      )
      and not coalesce(
          (
              select true
              from pgq_jobs.running as running
              where running.worker = permit.worker and running.id = permit.job
              limit 1
          ),
          (
              select true
              from pgq_jobs.detail as detail
              where detail.job = permit.job
                and permit.key in (detail.order_key, detail.concurrency_key)
              limit 1
          ) and coalesce(
              (
                  select permit.kind = 1 or permit.worker is null
                  from pgq_jobs.ready as ready
                  where ready.id = permit.job and ready.id <> ready.seq
                  limit 1
              ),
              (
                  select permit.kind = 1
                         and (
                             scheduled.marks & 16 <> 0
                             or scheduled.run_at = '9999-01-01 00:00:00+00'
                         )
                  from pgq_jobs.scheduled as scheduled
                  where scheduled.id = permit.job
                  limit 1
              )
          ),
          false
      )
), freed as materialized (
    select key, kind,
           greatest(
               case kind when 1 then 1 else coalesce($3, 2147483647) end
               - (
                   select count(*)
                   from pgq_jobs.key_permit as permit
                   where permit.key = counted.key
               )
               + permits,
               0
           ) as free
    from (
        select key, kind, count(*) as permits
        from stale
        group by key, kind
    ) as counted
), next as materialized (
    select freed.key, freed.kind, waiting.job, waiting.place, waiting.at
    from freed
    cross join lateral (
        select set_aside.job, set_aside.place, aside.at
        from pgq_jobs.set_aside as set_aside
        cross join lateral (
            select scheduled.ctid as at, scheduled.run_at
            from pgq_jobs.scheduled as scheduled
            where scheduled.id = set_aside.job
            limit 1
            for update skip locked
        ) as aside
        where set_aside.key = freed.key and aside.run_at = '9999-01-01 00:00:00+00'
        order by set_aside.place
        limit freed.free
    ) as waiting
), held_up (key) as materialized (
    select freed.key
    from freed
    where freed.free > (select count(*) from next where next.key = freed.key)
      and (
          select true
          from pgq_jobs.set_aside as set_aside
          cross join lateral (
              select scheduled.run_at
              from pgq_jobs.scheduled as scheduled
              where scheduled.id = set_aside.job
              limit 1
          ) as aside
          where set_aside.key = freed.key
            and aside.run_at = '9999-01-01 00:00:00+00'
            and set_aside.job not in (select job from next)
          limit 1
      )
), given_up as (
    delete from pgq_jobs.key_permit
    where ctid = any (array(select at from stale where key not in (select key from held_up)))
), called as (
    delete from pgq_jobs.scheduled
    where ctid = any (array(select at from next))
    returning id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths, marks,
              queue, task, input
), passed as (
    -- With those before them, which are not there any more.
    delete from pgq_jobs.set_aside
    where ctid = any (array(
        select before.at
        from (select key, max(place) as place from next group by key) as last
        cross join lateral (
            select set_aside.ctid as at
            from pgq_jobs.set_aside as set_aside
            where set_aside.key = last.key and set_aside.place <= last.place
            order by set_aside.place
            limit 10000
            for update skip locked
        ) as before
    ))
), held as (
    insert into pgq_jobs.key_permit (key, job, worker, kind, task)
    select next.key, next.job, null, next.kind, $1
    from next
    join called on called.id = next.job
    on conflict (key, job) do update set worker = null
), moved as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select id, nextval('pgq_jobs.job_number'), fingerprint, created_at, deliveries, priority,
           attempt, max_attempts, deaths, marks, queue, task, input
    from (
        select id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
               marks, queue, task, input
        from called
        order by id
    ) as ordered
    returning queue
)
select pgq_jobs.wake($4, 'ready ' || queue) as woken
from (select distinct queue from moved) as queues;
