-- Lists the tables of the schema, with what they are partitions of: also those that are none, for
-- some of them may be partitions that were detached.
select child.relname::text as name,
       parent.relname::text as parent,
       coalesce(inherits.inhdetachpending, false) as is_leaving,
       -- A table that nothing was ever written to has no page.
       case when parent.oid is null then false
            else coalesce(pg_relation_size(child.oid) > 0, false)
       end as is_filled
from pg_class as child
left join pg_inherits as inherits on inherits.inhrelid = child.oid
left join pg_class as parent on parent.oid = inherits.inhparent
where child.relkind = 'r'
  and child.relnamespace =
      (select relnamespace from pg_class where oid = 'pgq_jobs.finished'::regclass);
