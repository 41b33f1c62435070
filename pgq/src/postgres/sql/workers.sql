-- Lists the workers, those first that started first.
select id, host, pid, queues, concurrency, running, started_at, heartbeat_at, lease_until,
       lease_until > now() as is_alive, pgq_version, app_version, tasks, fingerprints, schedules,
       declarations, keyed, aliases, inputs, ticks
from pgq_jobs.worker
order by started_at, id;
