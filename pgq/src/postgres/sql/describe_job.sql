-- Makes the keys of a job known that its enqueuer could not make; see the function.
--
-- $1 worker           bigint
-- $2 job              bigint
-- $3 claim            bigint
-- $4 concurrency_key  bigint, or null, as the next two
-- $5 order_key        bigint
-- $6 rate_key         bigint
-- $7 unique_key       bytea, what is compared; or null, as the next two
-- $8 period           bigint, in microseconds; null until the job has ended
-- $9 conflict         text, `skip`, `replace` or `raise`
select outcome, other
from pgq_jobs.describe_job($1, $2, $3, $4, $5, $6, $7, $8, $9);
