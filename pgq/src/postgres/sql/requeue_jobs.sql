-- Makes jobs ready again that have ended, with all of their attempts; those that have changed since
-- they were looked at are left alone.
--
-- $1 jobs         bigint[]
-- $2 queues       text[]
-- $3 tasks        text[]
-- $4 finished_at  timestamptz[]
-- $5 state        smallint, of all of them
-- $6 channel      text
--
-- Each row is looked up by the whole key, as in `find_job`. Partitions have the same places, so the
-- rows there are told apart by the id, which no two have; the plus keeps the server from looking for
-- it in an index that does not begin with it.
--
-- A job with keys finds the line of its keys by way of the scheduled ones. A unique key (2) was freed when
-- the job ended, and is not taken again; nor is it compared with others (1024) that it has not been compared
-- with. One that had expired (8) may start whenever it likes, no worker has died of it (64, 128), and it is no
-- suspect (256). An attempt of it may have begun (16).
with gone as (
    delete from pgq_jobs.finished
    where state = $5
      and +id = any ($1)
      and ctid = any (array(
        select ended.ctid
        from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[])
            as wanted (job, queue, task, finished_at)
        cross join lateral (
            select finished.ctid
            from pgq_jobs.finished as finished
            where hashtextextended(finished.task, hashtextextended(finished.queue, 0))
                    = hashtextextended(wanted.task, hashtextextended(wanted.queue, 0))
              and finished.id = wanted.job
              and finished.state = $5
              and finished.finished_at = wanted.finished_at
            limit 1
        ) as ended
    ))
    returning id, fingerprint, created_at, deliveries, priority, max_attempts,
              (marks & ~(2 | 8 | 64 | 128 | 256 | 1024)::smallint) | 16::smallint as marks, queue, task,
              input
), again as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select id, nextval('pgq_jobs.job_number'), fingerprint, created_at, deliveries, priority, 0,
           max_attempts, 0, marks, queue, task, input
    from (
        select id, fingerprint, created_at, deliveries, priority, max_attempts, marks, queue, task,
               input
        from gone
        where marks & 1 = 0
        order by id
    ) as ordered
    returning id, queue
), keyed as (
    insert into pgq_jobs.scheduled
        (id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select id, fingerprint, created_at, now(), deliveries, priority, 0, max_attempts, 0, marks,
           queue, task, input
    from gone
    where marks & 1 <> 0
    returning id
), lasting as (
    update pgq_jobs.detail
    set expires_at = null
    where job = any (array(select id from gone where marks & 4 <> 0))
      and expires_at is not null
), woken as (
    select pgq_jobs.wake($6, topic)
    from (
        select distinct 'ready ' || queue as topic from again
        union all
        (select 'scheduled' from keyed limit 1)
    ) as topics
)
select gone.id, (select count(*) from woken) as woken
from gone;
