-- Takes the worth from permits of keys whose jobs are not where they should be any more. The task's keys
-- are locked by this transaction.
--
-- $1 tasks  text[], the names of the task
-- $2 jobs   bigint[], which may hold keys no more
-- $3 after  bigint, or null: looks as well at all permits of concurrency keys, of which there are as many
--           as jobs run, and at some of order keys: of jobs with greater numbers
-- $4 limit  bigint, how many of those
--
-- Returns the keys, and the number to go on after, null if there are no more.
--
-- Rows are looked up one by one, whatever the planner thinks of the tables. A job that is ready again has
-- another `seq` than its id, so an index finds it; one that is ready for the first time holds nothing.
-- One that was put off before it began lets others pass; the year 9999 says that it waits for another
-- key. One that was replaced may have other keys.
with batch as materialized (
    select of_task.key, of_task.job, of_task.worker
    from unnest($1::text[]) as name (task)
    cross join lateral (
        select permit.key, permit.job, permit.worker
        from pgq_jobs.key_permit as permit
        where permit.task = name.task
          and permit.kind = 1
          and permit.job > $3::bigint
        order by permit.job
        limit $4
    ) as of_task
    order by of_task.job
    limit $4
), looked as materialized (
    select key, job, worker, 1::smallint as kind
    from batch
    union all
    select of_task.key, of_task.job, of_task.worker, 2::smallint
    from unnest($1::text[]) as name (task)
    cross join lateral (
        select permit.key, permit.job, permit.worker
        from pgq_jobs.key_permit as permit
        where permit.task = name.task and permit.kind = 2
        limit 1000000
    ) as of_task
    where $3::bigint is not null
    union all
    select of_job.key, of_job.job, of_job.worker, of_job.kind
    from unnest($1::text[]) as name (task)
    cross join unnest('{1,2}'::smallint[]) as of_kind (kind)
    cross join unnest($2::bigint[]) as ended (job)
    cross join lateral (
        select permit.key, permit.job, permit.worker, permit.kind
        from pgq_jobs.key_permit as permit
        where permit.task = name.task
          and permit.kind = of_kind.kind
          and permit.job = ended.job
        limit 100
    ) as of_job
), stale as materialized (
    select key, job
    from looked
    where worker is not null
      and not coalesce(
          (
              select true
              from pgq_jobs.running as running
              where running.worker = looked.worker and running.id = looked.job
              limit 1
          ),
          (
              select true
              from pgq_jobs.detail as detail
              where detail.job = looked.job
                and looked.key in (detail.order_key, detail.concurrency_key)
              limit 1
          ) and coalesce(
              (
                  select looked.kind = 1
                  from pgq_jobs.ready as ready
                  where ready.id = looked.job and ready.id <> ready.seq
                  limit 1
              ),
              (
                  select looked.kind = 1
                         and (
                             scheduled.marks & 16 <> 0
                             or scheduled.run_at = '9999-01-01 00:00:00+00'
                         )
                  from pgq_jobs.scheduled as scheduled
                  where scheduled.id = looked.job
                  limit 1
              )
          ),
          false
      )
), freed as (
    update pgq_jobs.key_permit
    set worker = null
    where ctid = any (array(
        select held.ctid
        from stale
        cross join lateral (
            select permit.ctid
            from pgq_jobs.key_permit as permit
            where permit.key = stale.key and permit.job = stale.job
            limit 1
            for update skip locked
        ) as held
    ))
    returning key
)
select coalesce((select array_agg(distinct key) from freed), '{}') as keys,
       (select max(job) from batch having count(*) >= $4) as after;
