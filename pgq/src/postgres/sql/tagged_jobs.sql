-- Names the newest jobs that have a tag, in whatever state.
--
-- $1 tag     text
-- $2 before  bigint: only jobs with a smaller id
-- $3 limit   bigint
select job
from pgq_jobs.detail
where tags @> array [$1::text]
  and tags <> '{}'
  and job < $2
order by job desc
limit $3;
