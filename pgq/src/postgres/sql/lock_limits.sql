-- Locks limits until the end of the transaction, unless somebody else has locked one of them; what is
-- read in the next statement is then up to date.
--
-- $1 schema  text
-- $2 kinds   text[], each `queue`, `task` or `rate`
-- $3 names   text[]
--
-- A worker that is stopped within the transaction, as by SIGSTOP, must not keep others from the
-- limits: the server ends its session.
select coalesce(
           bool_and(
               pg_try_advisory_xact_lock(
                   hashtextextended($1 || ' ' || wanted.kind || ' ' || wanted.name, 7366541))),
           true) as locked,
       current_setting('synchronous_commit') as durable,
       set_config('idle_in_transaction_session_timeout', '2000', true) as patience
from unnest($2::text[], $3::text[]) as wanted (kind, name);
