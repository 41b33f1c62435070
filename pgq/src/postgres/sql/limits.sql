-- The limits that are in force.
select kind, name, max_running, rate_max, rate_per, rate_burst, key_running, key_ordered,
       key_rate_max, key_rate_per, key_rate_burst
from pgq_jobs.limit_in_force
where max_running is not null or rate_max is not null or key_ordered is not null
order by kind, name;
