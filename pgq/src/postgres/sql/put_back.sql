-- Lets jobs go on that wait for keys of tasks whose jobs have none any more: they are due at once. While a
-- worker lives that takes a task's jobs by keys, those of its queues wait for that: they would lose their
-- order. Where one line has the jobs of several queues, those in front of the first such job go on.
--
-- $1 tasks    text[], the names of the tasks
-- $2 after    bigint: only greater keys are looked at
-- $3 limit    bigint, of how many keys of each name, and how many jobs
-- $4 channel  text
--
-- Returns the key to go on after, null if there are no more. A job that somebody has locked is passed over.
with recursive kept as materialized (
    select distinct name.task, served.queue
    from unnest($1::text[]) as name (task)
    cross join pgq_jobs.worker as worker
    cross join lateral unnest(worker.queues) as served (queue)
    where worker.lease_until > now() and name.task = any (worker.keyed)
), waited (task, key, number) as (
    select first.task, first.key, 1::bigint
    from unnest($1::text[]) as name (task)
    cross join lateral (
        select set_aside.task, set_aside.key
        from pgq_jobs.set_aside as set_aside
        where set_aside.task = name.task and set_aside.key > $2
        order by set_aside.key
        limit 1
    ) as first
    union all
    select next.task, next.key, waited.number + 1
    from waited
    cross join lateral (
        select set_aside.task, set_aside.key
        from pgq_jobs.set_aside as set_aside
        where set_aside.task = waited.task and set_aside.key > waited.key
        order by set_aside.key
        limit 1
    ) as next
    where waited.number < $3
), stands (key, line, task, job) as (
    -- The first job of each line.
    select waited.key, front.line, front.task, front.job
    from (select distinct key from waited) as waited
    cross join lateral (
        select set_aside.line, set_aside.task, set_aside.job
        from pgq_jobs.set_aside as set_aside
        where set_aside.key = waited.key
        order by set_aside.line, set_aside.place
        limit 1
    ) as front
    union all
    select stands.key, front.line, front.task, front.job
    from stands
    cross join lateral (
        select set_aside.line, set_aside.task, set_aside.job
        from pgq_jobs.set_aside as set_aside
        where set_aside.key = stands.key and set_aside.line > stands.line
        order by set_aside.line, set_aside.place
        limit 1
    ) as front
), goes as materialized (
    select stands.key, stands.line
    from stands
    where stands.task = any ($1::text[])
      and not exists (
          select from kept
          where kept.task = stands.task
            and kept.queue = case stands.line
                when '' then (
                    select scheduled.queue
                    from pgq_jobs.scheduled as scheduled
                    where scheduled.id = stands.job
                    limit 1
                )
                else stands.line
            end
      )
    order by stands.key, stands.line
), waiting as materialized (
    select goes.key, ahead.job
    from goes
    cross join lateral (
        select of_line.job, bool_or(of_line.is_kept) over (order by of_line.place) as is_behind
        from (
            select set_aside.job,
                   set_aside.place,
                   goes.line = '' and (
                       select true
                       from kept
                       where kept.task = set_aside.task
                         and kept.queue = (
                             select scheduled.queue
                             from pgq_jobs.scheduled as scheduled
                             where scheduled.id = set_aside.job
                             limit 1
                         )
                       limit 1
                   ) is not null as is_kept
            from pgq_jobs.set_aside as set_aside
            where set_aside.key = goes.key and set_aside.line = goes.line
            order by set_aside.line, set_aside.place
            -- Unknown to the planner, for whom few are in one line: it would read all of it and sort.
            limit (select $3)
        ) as of_line
    ) as ahead
    where not ahead.is_behind
    limit $3
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
    returning job
), page as materialized (
    select case
        when (select count(*) from waiting) < $3 then (
            select min(full_name.key)
            from (select max(key) as key from waited group by task having count(*) >= $3) as full_name
        )
        -- Others of the last key may be left. While most are locked, they wait for the next round: else each
        -- page would let a few go.
        when (select count(*) from waits_no_more) * 2 >= $3 then coalesce(
            (select max(waited.key) from waited where waited.key < (select max(waiting.key) from waiting)),
            $2
        )
        else (select max(waiting.key) from waiting)
    end as after
), turn_line (task, line) as (
    select first.task, first.line
    from unnest($1::text[]) as name (task)
    cross join lateral (
        select turn.task, turn.line
        from pgq_jobs.key_turn as turn
        where turn.task = name.task
        order by turn.line
        limit 1
    ) as first
    where (select page.after from page) is null
    union all
    select next.task, next.line
    from turn_line
    cross join lateral (
        select turn.task, turn.line
        from pgq_jobs.key_turn as turn
        where turn.task = turn_line.task and turn.line > turn_line.line
        order by turn.line
        limit 1
    ) as next
), no_turn as (
    -- Those of lines in which nobody waits, at the last page. A bucket without a line is deleted when it is
    -- full, if the task has keys again.
    delete from pgq_jobs.key_turn
    where ctid = any (array(
        select turn.ctid
        from turn_line
        cross join lateral (
            select of_line.ctid
            from pgq_jobs.key_turn as of_line
            where of_line.task = turn_line.task and of_line.line = turn_line.line
              and (
                  select set_aside.job
                  from pgq_jobs.set_aside as set_aside
                  where set_aside.key = of_line.key and set_aside.line = of_line.line
                  order by set_aside.place
                  limit 1
              ) is null
            order by of_line.due
            limit $3
            for update skip locked
        ) as turn
        where not exists (
            select from kept where kept.task = turn_line.task and kept.queue = turn_line.line
        )
    ))
), woken as (
    select pgq_jobs.wake($4, 'scheduled')
    from (select from due limit 1) as any_due
)
select (select page.after from page) as after, (select count(*) from woken) as woken;
