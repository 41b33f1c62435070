-- Returns a number that every later entry of `ready` is above.
select case when is_called then last_value else 0 end
from pgq_jobs.job_number;
