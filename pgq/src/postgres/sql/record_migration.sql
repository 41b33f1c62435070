-- Records that a migration was applied, and lets workers look whether it admits them.
--
-- $1 version         int
-- $2 name            text
-- $3 checksum        bigint
-- $4 oldest_program  int
-- $5 channel         text
with recorded as (
    insert into pgq_jobs.migration (version, name, checksum, oldest_program)
    values ($1, $2, $3, $4)
)
select pgq_jobs.direct($5) as told;
