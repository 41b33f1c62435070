-- Sets where the bucket of a rate stands, which this transaction has locked.
--
-- $1 durable  text, the setting of `synchronous_commit` that the claim has changed: tokens are used as
--             soon as the answer is there, so they must not be lost in a crash of the server
-- $2 task     text
-- $3 number   bigint, of the row that was read; 0 if there was none
-- $4 debt     bigint
-- $5 at       bigint
with durable as materialized (
    select set_config('synchronous_commit', $1, true)
), before as (
    delete from pgq_jobs.bucket
    where task = $2 and number = $3
)
insert into pgq_jobs.bucket (task, number, debt, at)
select $2, $3 + 1, $4, $5
from durable;
