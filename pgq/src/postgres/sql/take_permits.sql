-- Sets what a worker has of limits that this transaction has locked, after a claim in the same
-- transaction has locked the worker's row. A newer call of the worker may have come before this one:
-- then there are fewer rows than limits. One call may write twice, one time after the other.
--
-- $1 durable  text, the setting of `synchronous_commit` that the claim has changed: permits are used as
--             soon as the answer is there, so they must not be lost in a crash of the server
-- $2 worker   bigint
-- $3 version  bigint
-- $4 kinds    text[]
-- $5 names    text[]
-- $6 permits  int[]
-- $7 wants    int[]
with durable as materialized (
    select set_config('synchronous_commit', $1, true)
)
insert into pgq_jobs.allotment as allotment (kind, name, worker, version, permits, wants)
select share.kind, share.name, $2, $3, share.permits, share.wants
from unnest($4::text[], $5::text[], $6::int[], $7::int[]) as share (kind, name, permits, wants)
cross join durable
on conflict (kind, name, worker) do update
set version = excluded.version, permits = excluded.permits, wants = excluded.wants
where allotment.version <= excluded.version;
