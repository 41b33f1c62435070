-- Lets a worker keep some of its permits, and gives back the others.
--
-- $1 worker   bigint
-- $2 version  bigint
-- $3 kinds    text[]
-- $4 names    text[]
-- $5 permits  int[]
-- $6 wants    int[]
--
-- It needs no lock: whoever has locked a limit meanwhile sees these permits in use or not, and never
-- too few of them.
update pgq_jobs.allotment as allotment
set version = $2, permits = least(kept.permits, allotment.permits), wants = kept.wants
from unnest($3::text[], $4::text[], $5::int[], $6::int[]) as kept (kind, name, permits, wants)
where allotment.kind = kept.kind
  and allotment.name = kept.name
  and allotment.worker = $1
  and allotment.version < $2;
