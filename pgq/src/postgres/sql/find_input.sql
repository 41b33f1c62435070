-- Reads the input of one job in whatever state.
--
-- $1 job  bigint
--
-- The job is found as in `find_job`. An input that is kept apart has a stub in its row, which begins with
-- the byte 0xff.
with recursive lane (hash) as (
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
), kind (hash) as (
    (
        select hashtextextended(task, hashtextextended(queue, 0))
        from pgq_jobs.finished
        order by hashtextextended(task, hashtextextended(queue, 0))
        limit 1
    )
    union all
    select (
        select hashtextextended(finished.task, hashtextextended(finished.queue, 0))
        from pgq_jobs.finished as finished
        where hashtextextended(finished.task, hashtextextended(finished.queue, 0)) > kind.hash
        order by hashtextextended(finished.task, hashtextextended(finished.queue, 0))
        limit 1
    )
    from kind
    where kind.hash is not null
), found as (
    select id, input
    from pgq_jobs.scheduled
    where id = $1
    union all
    select waiting.id, waiting.input
    from lane
    cross join lateral (
        select id, input
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) = lane.hash
          and ready.seq = $1
          and ready.id = $1
        limit 1
    ) as waiting
    union all
    select id, input
    from pgq_jobs.ready
    where id = $1 and id <> seq
    union all
    select held.id, held.input
    from pgq_jobs.worker as worker
    cross join lateral (
        select id, input
        from pgq_jobs.running as running
        where running.worker = worker.id and running.id = $1
        limit 1
    ) as held
    union all
    select ended.id, ended.input
    from kind
    cross join lateral (
        select id, input
        from pgq_jobs.finished as finished
        where hashtextextended(finished.task, hashtextextended(finished.queue, 0)) = kind.hash
          and finished.id = $1
        limit 1
    ) as ended
)
select case
           when substr(found.input, 1, 1) = '\xff'
               then (
                   select large.input
                   from pgq_jobs.large_input as large
                   where large.job = found.id
                   limit 1
               )
           else found.input
       end as input
from found;
