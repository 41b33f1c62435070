-- Deletes unique keys whose period is over.
--
-- $1 limit  bigint
delete from pgq_jobs.unique_key
where ctid = any (array(
    select ctid
    from pgq_jobs.unique_key
    where until <= now()
    order by until
    limit $1
    for update skip locked
));
