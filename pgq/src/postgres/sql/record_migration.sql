-- Records that a migration was applied.
--
-- $1 version         int
-- $2 name            text
-- $3 checksum        bigint
-- $4 oldest_program  int
insert into pgq_jobs.migration (version, name, checksum, oldest_program)
values ($1, $2, $3, $4);
