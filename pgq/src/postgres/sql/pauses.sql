-- Lists what is paused.
select kind, name, since
from pgq_jobs.pause
order by kind, name;
