-- Counts the jobs of each state: exactly up to a limit, and above it, or where that would mean to
-- read the history, by the statistics that the server keeps.
--
-- $1 limit  bigint: how many jobs of a state are counted
select 'scheduled' as state, count(*) as counted,
       pg_stat_get_live_tuples('pgq_jobs.scheduled'::regclass) as estimated
from (select from pgq_jobs.scheduled limit $1) as jobs
union all
select 'ready', count(*), pg_stat_get_live_tuples('pgq_jobs.ready'::regclass)
from (select from pgq_jobs.ready limit $1) as jobs
union all
select 'running', count(*), pg_stat_get_live_tuples('pgq_jobs.running'::regclass)
from (select from pgq_jobs.running limit $1) as jobs
union all
select kept.state, null, sum(pg_stat_get_live_tuples(kept.partition))::bigint
from (
    select (array ['completed', 'failed', 'cancelled', 'expired'])[
               split_part(partition.relname, '_', 2)::int
           ] as state,
           partition.oid as partition
    from pg_inherits as inherits
    join pg_class as partition on partition.oid = inherits.inhrelid
    where inherits.inhparent = 'pgq_jobs.finished'::regclass
) as kept
group by kept.state;
