-- The oldest version whose programs the schema admits. Later versions keep what this reads, for programs of this one.
select coalesce(max(oldest_program), 0) as oldest
from pgq_jobs.migration;
