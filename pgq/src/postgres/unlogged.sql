-- Makes the tables of jobs of pgq's schema `{schema}` unlogged: they are not written to the log of the server, so a
-- crash of it empties them, and standbys do not have them. Run this as the owner of the tables. To run it again changes
-- nothing.

-- Names that anybody may have put into `public` mean nothing here.
set local search_path = pg_catalog, pg_temp;

-- One at a time, not beside a migration, and not while somebody makes partitions.
select pg_advisory_xact_lock(hashtextextended('pgq:{schema}'::text, 0::bigint));
select pg_advisory_xact_lock(hashtextextended('pgq:history:' || '{schema}'::text, 0::bigint));

-- It waits until nobody uses a table, and whoever comes later waits for it.
set local lock_timeout = '5s';

do $$
declare
    logged regclass;
begin
    for logged in
        select oid
        from pg_class
        where relnamespace = '"{schema}"'::regnamespace
          and relkind = 'r'
          and relpersistence = 'p'
          -- What was declared, and how, stays: tasks, schedules, limits, pauses and migrations.
          and (relname = any (array [
                  'allotment', 'attempt_log', 'bucket', 'cancel_request', 'detail', 'expiry', 'key_bucket',
                  'key_permit', 'key_turn', 'large_input', 'progress', 'ready', 'running', 'scheduled',
                  'set_aside', 'unique_key', 'worker'
              ])
              or relname ~ '^(finished|result|failure)_[0-9_]+$')
        order by relname
    loop
        execute format('alter table %s set unlogged', logged);
    end loop;
end
$$;
