-- Whether a job waits or runs.
--
-- $1 job  bigint
--
-- The lanes of `ready` are few: each is asked for the job by the whole key of its index, as in
-- `find_job`.
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
)
select exists (
        select from pgq_jobs.scheduled as scheduled
        where scheduled.id = $1
    )
    or exists (
        select from lane
        cross join lateral (
            select from pgq_jobs.ready as ready
            where hashtextextended(ready.queue, ready.priority) = lane.hash
              and ready.seq = $1
              and ready.id = $1
            limit 1
        ) as waiting
    )
    or exists (
        select from pgq_jobs.ready as ready
        where ready.id = $1 and ready.id <> ready.seq
    )
    or exists (
        select from pgq_jobs.worker as worker
        cross join lateral (
            select from pgq_jobs.running as running
            where running.worker = worker.id and running.id = $1
            limit 1
        ) as held
    ) as unfinished;
