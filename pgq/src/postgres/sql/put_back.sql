-- Lets jobs go on that wait for keys of tasks whose jobs have none any more: they are due at once. While a
-- worker lives that takes a task's jobs by keys, those of its queues wait for that: they would lose their
-- order.
--
-- $1 tasks    text[], the names of the tasks
-- $2 limit    bigint, how many jobs
-- $3 channel  text
--
-- Returns how many there were, and how many of them somebody has locked: those wait still.
with kept as materialized (
    select distinct name.task, served.queue
    from unnest($1::text[]) as name (task)
    cross join pgq_jobs.worker as worker
    cross join lateral unnest(worker.queues) as served (queue)
    where worker.lease_until > now() and name.task = any (worker.keyed)
), waiting as materialized (
    select of_task.job
    from unnest($1::text[]) as name (task)
    cross join lateral (
        select set_aside.job
        from pgq_jobs.set_aside as set_aside
        where set_aside.task = name.task
          and (
              select true
              from kept
              where kept.task = name.task
                and kept.queue = case set_aside.line
                    when '' then (
                        select scheduled.queue
                        from pgq_jobs.scheduled as scheduled
                        where scheduled.id = set_aside.job
                        limit 1
                    )
                    else set_aside.line
                end
              limit 1
          ) is null
        order by set_aside.key
        limit $2
    ) as of_task
), aside as materialized (
    select waiting.job, held.at
    from waiting
    cross join lateral (
        select scheduled.ctid as at
        from pgq_jobs.scheduled as scheduled
        where scheduled.id = waiting.job and scheduled.run_at is not distinct from '9999-01-01 00:00:00+00'
        limit 1
    ) as held
), due as (
    update pgq_jobs.scheduled
    set run_at = now()
    where ctid = any (array(
        select free.ctid
        from aside
        cross join lateral (
            select scheduled.ctid
            from pgq_jobs.scheduled as scheduled
            where scheduled.id = aside.job and scheduled.run_at is not distinct from '9999-01-01 00:00:00+00'
            limit 1
            for update skip locked
        ) as free
    ))
    returning id
), waits_no_more as (
    delete from pgq_jobs.set_aside
    where ctid = any (array(
        select gone.ctid
        from waiting
        cross join lateral (
            select set_aside.ctid
            from pgq_jobs.set_aside as set_aside
            where set_aside.job = waiting.job
            limit 1
            for update skip locked
        ) as gone
        where waiting.job in (select id from due) or waiting.job not in (select job from aside)
    ))
), no_turn as (
    -- A bucket without a line is deleted when it is full, if the task has keys again.
    delete from pgq_jobs.key_turn
    where ctid = any (array(
        select turn.ctid
        from unnest($1::text[]) as name (task)
        cross join lateral (
            select of_task.ctid
            from pgq_jobs.key_turn as of_task
            where of_task.task = name.task
              and (
                  select set_aside.job
                  from pgq_jobs.set_aside as set_aside
                  where set_aside.key = of_task.key and set_aside.line = of_task.line
                  order by set_aside.place
                  limit 1
              ) is null
            order by of_task.line, of_task.due
            limit $2
            for update skip locked
        ) as turn
    ))
), woken as (
    select pgq_jobs.wake($3, 'scheduled')
    from (select from due limit 1) as any_due
)
select (select count(*) from waiting) as found,
       (select count(*) from aside) - (select count(*) from due) as locked,
       (select count(*) from woken) as woken;
