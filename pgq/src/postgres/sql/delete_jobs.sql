-- Deletes jobs that do not run, and everything that belongs to them; those that have changed since
-- they were looked at are left alone.
--
-- $1 jobs         bigint[]
-- $2 queues       text[]
-- $3 tasks        text[]
-- $4 priorities   smallint[]
-- $5 finished_at  timestamptz[], nulls unless they have ended
-- $6 tables       text[], where they are: `scheduled`, `ready` or `finished`
-- $7 state        smallint, of those that have ended
--
-- Each row is looked up by the whole key, as in `find_job` and `requeue_jobs`. Jobs that wait and that
-- somebody else has locked are about to change: to wait for many of them, in whatever order, could end
-- in a deadlock with a transaction that replaces some.
with wanted as materialized (
    select job, queue, task, priority, finished_at
    from unnest($1::bigint[], $2::text[], $3::text[], $4::smallint[], $5::timestamptz[])
        as wanted (job, queue, task, priority, finished_at)
), from_scheduled as (
    delete from pgq_jobs.scheduled
    where ctid = any (array(
        select ctid
        from pgq_jobs.scheduled
        where 'scheduled' = any ($6)
          and id = any ($1)
        for update skip locked
    ))
    returning id, marks
), from_ready as (
    delete from pgq_jobs.ready
    where ctid = any (array(
        select ctid
        from pgq_jobs.ready
        where ctid = any (array(
            select waiting.ctid
            from wanted
            cross join lateral (
                (
                    select ready.ctid
                    from pgq_jobs.ready as ready
                    where hashtextextended(ready.queue, ready.priority)
                            = hashtextextended(wanted.queue, wanted.priority)
                      and ready.seq = wanted.job
                      and ready.id = wanted.job
                    limit 1
                )
                union all
                (
                    select again.ctid
                    from pgq_jobs.ready as again
                    where again.id = wanted.job and again.id <> again.seq
                    limit 1
                )
            ) as waiting
            where 'ready' = any ($6)
        ))
        for update skip locked
    ))
    returning id, marks
), from_finished as (
    delete from pgq_jobs.finished
    where state = $7
      and +id = any ($1)
      and ctid = any (array(
        select ended.ctid
        from wanted
        cross join lateral (
            select finished.ctid
            from pgq_jobs.finished as finished
            where hashtextextended(finished.task, hashtextextended(finished.queue, 0))
                    = hashtextextended(wanted.task, hashtextextended(wanted.queue, 0))
              and finished.id = wanted.job
              and finished.state = $7
              and finished.finished_at = wanted.finished_at
            limit 1
        ) as ended
        where 'finished' = any ($6)
    ))
    returning id, marks
), gone as (
    select id, marks from from_scheduled
    union all
    select id, marks from from_ready
    union all
    select id, marks from from_finished
), results as (
    delete from pgq_jobs.result
    where job = any (array(select id from gone))
), failures as (
    delete from pgq_jobs.failure
    where job = any (array(select id from gone))
), inputs as (
    delete from pgq_jobs.large_input
    where job = any (array(select id from gone))
), logs as (
    delete from pgq_jobs.attempt_log
    where job = any (array(select id from gone))
), told as (
    delete from pgq_jobs.progress
    where job = any (array(select id from gone))
), waits_no_more as (
    delete from pgq_jobs.set_aside
    where job = any (array(select id from gone where marks & 1 <> 0))
), details as (
    delete from pgq_jobs.detail
    where job = any (array(select id from gone where marks & 4 <> 0))
), freed as (
    delete from pgq_jobs.unique_key
    where until is null
      and job = any (array(select id from gone where marks & 2 <> 0))
)
select id
from gone;
