-- Cancels a job that waits; returns how many that were.
--
-- $1 job        bigint
-- $2 retention  smallint, in hours
-- $3 channel    text
--
-- The lanes of `ready` are few: each is asked for the job by the whole key of its index, as in
-- `find_job`. Who keeps the job locked is waited for as long as the transaction says, or 5 s.
with recursive limited as materialized (
    select set_config(
        'lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '5s'), true
    ) is not null as done
), lane (hash) as (
    (
        select hashtextextended(queue, priority)
        from pgq_jobs.ready
        order by hashtextextended(queue, priority)
        limit 1
    )
    union all
    select (
        select hashtextextended(ready.queue, ready.priority)
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) > lane.hash
        order by hashtextextended(ready.queue, ready.priority)
        limit 1
    )
    from lane
    where lane.hash is not null
), place as materialized (
    select waiting.ctid
    from lane
    cross join lateral (
        select ready.ctid
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) = lane.hash
          and ready.seq = $1
          and ready.id = $1
        limit 1
    ) as waiting
    union all
    select ready.ctid
    from pgq_jobs.ready as ready
    where ready.id = $1 and ready.id <> ready.seq
), taken as (
    delete from pgq_jobs.ready
    where (select done from limited)
      and ctid = any (array(select ctid from place))
    returning id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths, marks,
              queue, task, input
), delayed as (
    delete from pgq_jobs.scheduled
    where (select done from limited)
      and id = $1
    returning id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths, marks,
              queue, task, input
), over as (
    insert into pgq_jobs.finished
        (id, fingerprint, created_at, finished_at, deliveries, state, retention, priority, attempt,
         max_attempts, deaths, marks, queue, task, input)
    select id, fingerprint, created_at, now(), deliveries, 3, $2, priority, attempt, max_attempts,
           deaths, marks, queue, task, input
    from (
        select id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
               marks, queue, task, input
        from taken
        union all
        select id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
               marks, queue, task, input
        from delayed
    ) as waiting
    returning id, marks
), freed as (
    delete from pgq_jobs.unique_key
    where until is null
      and job = any (array(select id from over where marks & 2 <> 0))
), waits_no_more as (
    delete from pgq_jobs.set_aside
    where job = any (array(select id from over where marks & 1 <> 0))
), noticed as (
    select pgq_jobs.wake($3, 'finished')
    from over
)
select (select count(*) from over) as jobs,
       (select count(*) from noticed) as noticed;
