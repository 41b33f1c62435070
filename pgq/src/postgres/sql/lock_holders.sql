-- Lists the transactions that hold, or wait for, a lock on one of these tables.
--
-- $1 tables  text[], with their schema
--
-- By the virtual transaction, which everybody may see. That of a prepared one does not change.
select distinct virtualtransaction || '.' || coalesce(pid, 0)
from pg_locks
where locktype = 'relation'
  and database = (select oid from pg_database where datname = current_database())
  and relation = any (array(
      select to_regclass(name)::oid
      from unnest($1::text[]) as name
      where to_regclass(name) is not null
  ))
  and pid is distinct from pg_backend_pid();
