-- Keeps claims of lower numbers from taking jobs, those that have not arrived yet as well; waits for one that
-- is under way.
--
-- $1 worker  bigint
-- $2 from    bigint, the lowest number that may still claim
--
-- A claim shares the key of the worker's row: only the stronger lock waits for it.
with locked as materialized (
    select worker.id
    from pgq_jobs.worker as worker
    where worker.id = $1
    for update
)
update pgq_jobs.worker as worker
set claims_from = greatest(worker.claims_from, $2)
from locked
where worker.id = locked.id;
