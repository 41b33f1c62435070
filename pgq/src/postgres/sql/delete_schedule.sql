-- Deletes a schedule that was made at run time, or that the code of no worker declares that lives. Workers
-- find that it is gone when it is to tick.
--
-- $1 name  text
delete from pgq_jobs.schedule
where name = $1
  and (
      made
      or not exists (
          select
          from pgq_jobs.worker as worker
          where worker.lease_until > now() and $1 = any (worker.schedules)
      )
  );
