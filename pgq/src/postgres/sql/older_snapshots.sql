-- Says whether somebody still looks at the database as it was before the detachment of a partition
-- began, and so sees the partition in its place.
--
-- $1 partition  text, with its schema
select exists (
    select
    from pg_inherits as inherits
    join pg_stat_activity as session on age(session.backend_xmin) >= age(inherits.xmin)
    where inherits.inhrelid = to_regclass($1)
      and session.datname = current_database()
      and session.pid <> pg_backend_pid()
);
