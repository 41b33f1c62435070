-- Reads who has permits of some limits, in the order in which they are named.
--
-- $1 worker  bigint, who asks
-- $2 kinds   text[]
-- $3 names   text[]
select limit_in_force.max_running,
       array(
           select allotment.permits
           from pgq_jobs.allotment as allotment
           where allotment.kind = asked.kind
             and allotment.name = asked.name
             and allotment.worker <> $1
           order by allotment.worker
       ) as permits,
       array(
           select allotment.wants
           from pgq_jobs.allotment as allotment
           where allotment.kind = asked.kind
             and allotment.name = asked.name
             and allotment.worker <> $1
           order by allotment.worker
       ) as wants,
       own.permits as own_permits, own.wants as own_wants
from unnest($2::text[], $3::text[]) with ordinality as asked (kind, name, place)
left join pgq_jobs.limit_in_force as limit_in_force
    on limit_in_force.kind = asked.kind and limit_in_force.name = asked.name
left join pgq_jobs.allotment as own
    on own.kind = asked.kind and own.name = asked.name and own.worker = $1
order by asked.place;
