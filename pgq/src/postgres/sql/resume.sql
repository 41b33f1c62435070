-- Ends the pause of a queue or a task; tells whether there was one.
--
-- $1 kind     text, `queue` or `task`
-- $2 name     text
-- $3 channel  text
with resumed as (
    delete from pgq_jobs.pause
    where kind = $1 and name = $2
    returning name
)
select (select count(*) from resumed) = 1 as changed, pgq_jobs.direct($3) as told;
