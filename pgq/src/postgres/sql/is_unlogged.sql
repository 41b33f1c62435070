-- Whether the tables of jobs are unlogged, and so what becomes of them.
select relpersistence = 'u'
from pg_catalog.pg_class
where oid = 'pgq_jobs.running'::regclass;
