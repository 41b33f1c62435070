-- Reads what there is of the schema, and what the user may do with it. It names catalogs only, so that it works
-- whatever is wrong with the tables. Partitions count as parts of their tables.
--
-- $1 schema  text
with namespace as (
    select oid
    from pg_namespace
    where nspname = $1
), relation as (
    select class.oid, class.relname, class.relkind, class.relowner, class.relnamespace
    from pg_class as class
    join namespace on namespace.oid = class.relnamespace
    where not class.relispartition
), privilege as (
    select wanted.kinds, wanted.name
    from (values
        ('{r,p}'::"char"[], 'select'), ('{r,p}', 'insert'), ('{r,p}', 'update'), ('{r,p}', 'delete'),
        ('{v}', 'select')
    ) as wanted (kinds, name)
)
select current_database()::text as database,
       current_user::text as user_name,
       database.datistemplate as is_template,
       pg_encoding_to_char(database.encoding)::text as encoding,
       (select has_schema_privilege(oid, 'usage') from namespace) as may_use,
       -- Partitions are made there.
       (select has_schema_privilege(oid, 'create') from namespace) as may_create,
       (select has_table_privilege(oid, 'select') from relation where relname = 'migration' and relkind = 'r')
           as may_read_version,
       -- Who must own what has partitions.
       (select min(pg_get_userbyid(relowner)) from relation
        where relkind = 'p' and not pg_has_role(relowner, 'usage')) as foreign_owner,
       array(
           select privilege.name || ' ' || relation.relname
           from relation
           join privilege on relation.relkind = any (privilege.kinds)
           where not has_table_privilege(relation.oid, privilege.name)
           union all
           select 'usage ' || relname
           from relation
           -- In this order: the function fails for what is no sequence.
           where case relkind when 'S' then not has_sequence_privilege(oid, 'usage') else false end
       ) as missing_grants,
       array(
           select relation.relname || '.' || attribute.attname || ' '
                  || format_type(attribute.atttypid, attribute.atttypmod)
                  || case when attribute.attnotnull then ' not null' else '' end
                  || case when attribute.atthasdef then ' default' else '' end
           from relation
           join pg_attribute as attribute on attribute.attrelid = relation.oid
           where relation.relkind in ('r', 'p') and attribute.attnum > 0 and not attribute.attisdropped
           union all
           select case relkind when 'v' then 'view ' else 'sequence ' end || relname
           from relation
           where relkind in ('v', 'S')
           union all
           select 'function ' || proname
           from pg_proc
           join namespace on namespace.oid = pg_proc.pronamespace
           union all
           select 'index ' || relation.relname
           from relation
           join pg_index as index on index.indexrelid = relation.oid
           where index.indisvalid
       ) as structure,
       -- Where pgq's tables are instead.
       array(
           select nspname::text
           from pg_namespace
           where nspname <> $1
             and (select count(*) from pg_class
                  where relnamespace = pg_namespace.oid
                    and relname in ('migration', 'scheduled', 'ready', 'running', 'finished')) = 5
           order by 1
       ) as other_schemas
from pg_database as database
where database.datname = current_database();
