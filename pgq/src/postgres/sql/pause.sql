-- Pauses a queue or a task; tells whether it was not paused before.
--
-- $1 kind     text, `queue` or `task`
-- $2 name     text
-- $3 channel  text
with paused as (
    insert into pgq_jobs.pause (kind, name)
    values ($1, $2)
    on conflict do nothing
    returning name
)
select (select count(*) from paused) = 1 as changed, pgq_jobs.direct($3) as told;
