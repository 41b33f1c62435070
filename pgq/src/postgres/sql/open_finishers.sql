-- Lists the transactions that have the table of ended jobs open for writing.
select distinct virtualtransaction
from pg_locks
where locktype = 'relation'
  and relation = 'pgq_jobs.finished'::regclass
  and database = (select oid from pg_database where datname = current_database())
  and mode = 'RowExclusiveLock'
  and granted;
