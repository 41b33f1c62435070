-- Names the owner of the history, as an identifier, if that is somebody else.
select quote_ident(pg_get_userbyid(relowner)) as owner
from pg_catalog.pg_class
where oid = 'pgq_jobs.finished'::regclass
  and relowner <> (select oid from pg_catalog.pg_roles where rolname = current_user);
