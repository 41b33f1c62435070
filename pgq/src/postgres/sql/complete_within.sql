-- Ends one attempt with its result, in a transaction that somebody else commits; fenced by the claim
-- token. If the attempt does not hold the job any more the statement fails, and so the transaction
-- cannot commit, whatever its owner makes of the error.
--
-- $1 worker            bigint
-- $2 job               bigint
-- $3 claim             bigint
-- $4 retention         smallint, in hours
-- $5 result            bytea, or null
-- $6 result_retention  smallint, in hours
-- $7 channel           text
--
-- The transaction may have begun long ago, so its own time says nothing of when the job ended.
--
-- From here to the commit nobody else can take the job. A client whose connection is cut without a word
-- would hold it for hours, so the server ends a session that sends nothing for a minute.
with patience as materialized (
    select set_config('idle_in_transaction_session_timeout', '60s', true)
    where current_setting('idle_in_transaction_session_timeout')::interval
          not between '1ms' and '60s'
), ended as (
    delete from pgq_jobs.running
    where worker = $1 and id = $2 and claim = $3
    returning id, worker, fingerprint, created_at, claimed_at, deliveries, priority, attempt,
              max_attempts, deaths, marks, queue, task, input
), stored as (
    insert into pgq_jobs.result (job, finished_at, retention, value)
    select id, statement_timestamp(), $6, $5
    from ended
    where $5::bytea is not null
), freed as (
    delete from pgq_jobs.unique_key
    where until is null
      and job = any (array(select id from ended where marks & 2 <> 0))
), kept as (
    insert into pgq_jobs.finished
        (id, worker, fingerprint, created_at, claimed_at, finished_at, deliveries, state, retention,
         priority, attempt, max_attempts, deaths, marks, queue, task, input)
    select id, worker, fingerprint, created_at, claimed_at, statement_timestamp(), deliveries, 1, $4,
           priority, attempt, max_attempts, deaths, marks, queue, task, input
    from ended
    returning id
)
select case
    when exists (select from kept) then pgq_jobs.wake($7, 'finished')
    else pgq_jobs.refuse_completion($2)
end, (select count(*) from patience);
