-- Reads what there is to know of a session, and what changes while a server runs. It has no parameters, so that
-- it is sent in one piece: then its transaction began with it, unless the session is in one already.
select now() <> statement_timestamp() as is_in_transaction,
       current_setting('plan_cache_mode') = 'force_generic_plan' as has_settings,
       current_setting('default_transaction_isolation') as isolation,
       current_setting('default_transaction_read_only')::boolean as is_read_only,
       pg_is_in_recovery() as is_standby,
       array(
           -- A setting that this version of the server does not know is null.
           select coalesce(extract(epoch from current_setting(name, true)::interval) * 1000, 0)::bigint
           from unnest(array[
               'statement_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout',
               'transaction_timeout'
           ]) with ordinality as timeout (name, place)
           order by place
       ) as timeouts,
       (extract(epoch from clock_timestamp()) * 1000000)::bigint as clock,
       pg_notification_queue_usage() as queue_usage,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - coalesce(current_setting('reserved_connections', true)::int, 0) as connections_max,
       used.connections as connections,
       database.datconnlimit as of_database_max,
       used.of_database,
       role.rolconnlimit as of_role_max,
       used.of_role,
       role.rolsuper as is_superuser
from (
    select count(*) as connections,
           count(*) filter (where datname = current_database()) as of_database,
           count(*) filter (where usename = session_user) as of_role
    from pg_stat_activity
    -- Of sessions of others nobody is told more than the database, without a right to all statistics.
    where backend_type = 'client backend' or (backend_type is null and datid is not null)
) as used
join pg_database as database on database.datname = current_database()
join pg_roles as role on role.rolname = session_user;
