-- Locks the workers whose lease has ended, before their jobs are taken in the next statement of
-- the transaction. A claim locks its worker's row too: so no claim of these workers is under way,
-- and the next statement sees every job that they have claimed.
select id
from pgq_jobs.worker
where lease_until <= now()
order by id
for update skip locked;
