-- Lists the transactions that have the table of ready jobs open for writing. Each has locked it
-- before it drew a number.
select distinct virtualtransaction
from pg_locks
where locktype = 'relation'
  and relation = 'pgq_jobs.ready'::regclass
  and database = (select oid from pg_database where datname = current_database())
  and mode = 'RowExclusiveLock'
  and granted;
