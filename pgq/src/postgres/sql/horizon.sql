-- Returns a number that every later entry of `ready` is above.
select last_value from pgq_jobs.job_number;
