-- Lists the migrations that were applied, oldest first.
select version, name, checksum, oldest_program
from pgq_jobs.migration
order by version;
