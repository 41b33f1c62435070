-- Asks the workers whether a task takes an input; returns the number of the question. Forgets those that
-- nobody can be waiting for any more.
--
-- $1 task     text
-- $2 input    bytea
-- $3 channel  text
with locked as materialized (
    -- Nobody sees a later revision before this one.
    select pg_advisory_xact_lock(hashtextextended('pgq_jobs.schedule', 7366551)) is not null as done
), left_behind as (
    delete from pgq_jobs.input_question
    where ctid = any (array(
        select old.ctid
        from pgq_jobs.input_question as old
        where old.asked_at < clock_timestamp() - interval '1 hour'
        for update skip locked
    ))
), asked as (
    insert into pgq_jobs.input_question (revision, task, input)
    select nextval('pgq_jobs.schedule_revision'), $1, $2
    from locked
    returning revision
)
select revision, pgq_jobs.direct($3) as told
from asked;
