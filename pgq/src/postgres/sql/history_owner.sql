-- Names the owner of the history, as an identifier, if that is somebody else whom the user can give something to.
select quote_ident(rolname) as owner
from pg_catalog.pg_class
join pg_catalog.pg_roles on pg_roles.oid = relowner
where pg_class.oid = 'pgq_jobs.finished'::regclass
  and rolname <> current_user
  -- Since version 16 a member need not be able to.
  and case
      when current_setting('server_version_num')::int < 160000 then true
      else pg_has_role(relowner, 'set')
  end;
