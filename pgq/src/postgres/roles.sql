-- Roles of pgq's schema `{schema}`, which nobody can log in as: grant one to the user that an application connects
-- as, `grant {schema}_producer to shop`. Run this as a superuser, or as the owner of the schema who may create roles and,
-- in this database, schemas. To run it again changes nothing.

-- Names that anybody may have put into `public` mean nothing here.
set local search_path = pg_catalog, pg_temp;

-- One at a time, and not beside a migration.
select pg_advisory_xact_lock(hashtextextended('pgq:{schema}'::text, 0::bigint));

do $$
declare
    wanted    text;
    others    text;
    is_member boolean;
begin
    select string_agg(quote_ident(relname), ', ' order by relname) into others
    from pg_class
    where relnamespace = '"{schema}"'::regnamespace
      and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      and not relispartition
      and relname <> all ({relations})
      -- One that is being dropped.
      and relname !~ '^(finished|result|failure)_[0-9_]+$';
    if others is not null then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'the schema {schema} has what is not pgq''s: ' || others,
            hint = 'move it, or use a schema of pgq''s own: what is in the schema becomes the owner''s';
    end if;
    foreach wanted in array array ['{schema}_owner', '{schema}_worker', '{schema}_producer', '{schema}_reader'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception
                -- Roles are of all databases: somebody made it at the same time.
                when duplicate_object or unique_violation then null;
            end;
        end if;
        if exists (select from pg_roles where rolname = wanted and (rolcanlogin or rolsuper)) then
            raise exception using
                errcode = 'object_not_in_prerequisite_state',
                message = 'there is a user ' || wanted,
                hint = 'rename it, or use a schema of another name: the roles are no users';
        end if;
    end loop;
    -- Who owns the tables makes and drops the partitions of the history, which workers do.
    if not pg_has_role('{schema}_worker'::name, '{schema}_owner'::name, 'usage'::text) then
        begin
            grant {schema}_owner to {schema}_worker;
        exception
            when unique_violation then null;
        end;
    end if;
    -- Only a member gives something to a role; since version 16 only one who can become it.
    is_member := pg_has_role('{schema}_owner'::name, 'usage'::text) and case
        when current_setting('server_version_num'::text)::int < 160000 then true
        else pg_has_role('{schema}_owner'::name, 'set'::text)
    end;
    if not is_member then
        execute format('grant {schema}_owner to %I', current_user);
    end if;
end
$$;

-- What gets another owner is waited for, but not for ever: who waits for a table holds up those who come after.
set local lock_timeout = '5s';
alter schema "{schema}" owner to {schema}_owner;
do $$
declare
    thing record;
begin
    -- Whoever had the tables until now goes on working with them.
    for thing in
        select distinct rolname as name
        from pg_class
        join pg_roles on pg_roles.oid = relowner
        where relnamespace = '"{schema}"'::regnamespace
          and not rolsuper
          and not pg_has_role(relowner, '{schema}_worker'::name, 'usage'::text)
    loop
        if thing.name <> '{schema}_owner' then
            execute format('grant {schema}_worker to %I', thing.name);
        end if;
    end loop;
    for thing in
        select case relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end as kind,
               oid::regclass::text as name
        from pg_class
        where relnamespace = '"{schema}"'::regnamespace
          and relkind in ('r', 'p', 'v', 'S')
          and relowner <> '{schema}_owner'::regrole
        union all
        select 'function', oid::regprocedure::text
        from pg_proc
        where pronamespace = '"{schema}"'::regnamespace
          and prokind = 'f'
          and proowner <> '{schema}_owner'::regrole
    loop
        execute format('alter %s %s owner to {schema}_owner', thing.kind, thing.name);
    end loop;
end
$$;

grant usage on schema "{schema}" to {schema}_producer, {schema}_reader;

-- A producer adds jobs, and sees of others no more than that they wait.
grant usage on sequence "{schema}".job_number to {schema}_producer;
grant insert on "{schema}".ready, "{schema}".scheduled, "{schema}".large_input, "{schema}".detail, "{schema}".expiry
    to {schema}_producer;
grant select (id) on "{schema}".ready to {schema}_producer;
grant select (id) on "{schema}".scheduled to {schema}_producer;
grant select (job, expires_at) on "{schema}".detail to {schema}_producer;
-- What the functions know of a task.
grant select on "{schema}".task to {schema}_producer;
grant execute on function "{schema}".channel, "{schema}".enqueue, "{schema}".enqueue_inputs, "{schema}".enqueue_many,
    "{schema}".is_name, "{schema}".micros, "{schema}".parked_lock, "{schema}".part_input, "{schema}".refuse,
    "{schema}".take_keys, "{schema}".wake
    to {schema}_producer;
-- A dump that leaves out rights gives these to everybody.
revoke execute on function "{schema}".take_keys, "{schema}".withdraw from public;

-- A reader sees everything, also what later migrations add.
grant select on all tables in schema "{schema}" to {schema}_reader;
grant execute on function "{schema}".find to {schema}_reader;
alter default privileges for role {schema}_owner in schema "{schema}" grant select on tables to {schema}_reader;
