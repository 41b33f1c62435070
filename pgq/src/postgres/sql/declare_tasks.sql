-- Says what the jobs of tasks are whose enqueuer knows only a name of the task.
--
-- $1 tasks  text, JSON: an array of objects by the names of the columns
--
-- Rows are touched only where they change, in the order of the names: many workers may start at once. Of tasks that
-- share a name, with which no worker starts, one is as good as the other.
insert into pgq_jobs.task as task
    (name, key_name, queue, priority, max_attempts, delay, expires_in, input_max, tags, unique_within,
     conflict)
select distinct on (name collate "C")
       name, key_name, queue, priority, max_attempts, delay, expires_in, input_max, tags, unique_within,
       conflict
from jsonb_to_recordset($1::jsonb) as declared (
    name text, key_name text, queue text, priority smallint, max_attempts smallint, delay bigint,
    expires_in bigint, input_max int, tags text[], unique_within bigint, conflict text
)
order by name collate "C"
on conflict (name) do update
set key_name = excluded.key_name, queue = excluded.queue, priority = excluded.priority,
    max_attempts = excluded.max_attempts, delay = excluded.delay, expires_in = excluded.expires_in,
    input_max = excluded.input_max, tags = excluded.tags,
    unique_within = excluded.unique_within, conflict = excluded.conflict,
    declared_at = now()
where (task.key_name, task.queue, task.priority, task.max_attempts, task.delay, task.expires_in,
       task.input_max, task.tags, task.unique_within, task.conflict)
    is distinct from
    (excluded.key_name, excluded.queue, excluded.priority, excluded.max_attempts, excluded.delay,
       excluded.expires_in, excluded.input_max, excluded.tags, excluded.unique_within, excluded.conflict);
