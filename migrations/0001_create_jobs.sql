-- The tables of pgq. A job lives in exactly one of `scheduled`, `ready`, `running` and `finished`,
-- and moves by `delete … returning` and `insert` in one statement. So each table stays narrow,
-- nothing on the hot path updates an indexed column, and a claim never walks past finished jobs.
--
-- Names are compared byte by byte (`collate "C"`): the order of a language is slow, and means
-- nothing here.
--
-- The schema is created by the runner of the migrations. Its name is replaced at run time.

create table pgq_jobs.migration (
    version         int         not null primary key,
    name            text        not null,
    -- FNV-1a of the file, so that an edited migration is noticed.
    checksum        bigint      not null,
    -- The oldest version of the schema whose programs may go on running after this migration.
    oldest_program  int         not null check (oldest_program <= version),
    applied_at      timestamptz not null default now()
);

-- One sequence for job ids and for the order of `ready`: a job's id is the number of its first
-- entry, and each later entry draws a fresh one. It must not cache: the order of claims relies on
-- numbers being drawn by the inserting statement.
create sequence pgq_jobs.job_number as bigint cache 1;

-- `marks` says what else there is of a job, in bits, so that others cost nothing: 1, it waits in the
-- line of its keys in place of `ready`; 2, it holds a unique key, which whoever ends the job frees; 4,
-- it has a `detail`; 8, no attempt of it has begun, and it expires; 16, an attempt of it may have begun;
-- 64 and 128, a number of two bits, for how many deaths of workers it is to blame; 256, more than one
-- worker has died with it; 512, its enqueuer could not make its keys, which whoever claims it does, if its
-- task has any; 1024, so it is with its unique key.

-- The tables that jobs pass through are large one minute and empty the next. Giving their pages back
-- takes a lock that everybody would wait for, and they are needed again at once.

-- Not yet due: delayed by its enqueuer, or waiting for the next attempt.
create table pgq_jobs.scheduled (
    id           bigint      not null primary key,
    fingerprint  bigint,
    created_at   timestamptz not null,
    run_at       timestamptz not null,
    deliveries   int         not null,
    priority     smallint    not null check (priority between 0 and 9),
    attempt      smallint    not null,
    max_attempts smallint    not null check (max_attempts between 1 and 1000),
    deaths       smallint    not null,
    marks        smallint    not null,
    queue        text        collate "C" not null check (queue <> ''),
    task         text        collate "C" not null check (task <> ''),
    input        bytea       not null,
    -- Why the last attempt failed; null if none has.
    error        text
) with (vacuum_truncate = off);
-- promote_jobs
create index scheduled_run_at on pgq_jobs.scheduled (run_at);

-- Due, and waiting for a worker. A lane is what waits in one queue with one priority.
--
-- There is no index over all ids: a job that is ready for the first time is found in its lane, since
-- its id is its `seq`. Each index on this table costs every enqueue more than it costs to do without.
create table pgq_jobs.ready (
    id           bigint      not null,
    seq          bigint      not null,
    fingerprint  bigint,
    created_at   timestamptz not null,
    deliveries   int         not null,
    -- A claim looks at these priorities only.
    priority     smallint    not null check (priority between 0 and 9),
    attempt      smallint    not null,
    max_attempts smallint    not null,
    deaths       smallint    not null,
    marks        smallint    not null,
    queue        text        collate "C" not null,
    task         text        collate "C" not null,
    input        bytea       not null
) with (vacuum_truncate = off);
-- claim_jobs, unknown_task, find_job. By a hash of the lane: a key of two numbers is smaller, and
-- faster to compare, than one that begins with a text.
create unique index ready_claim_order
    on pgq_jobs.ready (hashtextextended(queue, priority), seq);
-- find_job
create index ready_again on pgq_jobs.ready (id) where id <> seq;

-- The workers that hold leases. One row each, renewed by heartbeats; there is no lease per job. What
-- else a row says is for people, and is written when the worker starts: if it is much, heartbeats do
-- not copy it, because it is kept apart then.
create table pgq_jobs.worker (
    id           bigint      not null primary key,
    started_at   timestamptz not null default now(),
    heartbeat_at timestamptz not null default now(),
    lease_until  timestamptz not null,
    pid          int         not null,
    -- How many jobs it ran at its last heartbeat, and how many it runs at most.
    running      int         not null default 0,
    concurrency  int         not null default 0,
    -- Claims of lower numbers take nothing any more: the worker has given up waiting for them.
    claims_from  bigint      not null default 0,
    -- The suspect that it runs, or has run last; null if it has run none.
    trial        bigint,
    host         text        not null,
    queues       text[]      not null,
    pgq_version  text        not null default '',
    app_version  text,
    -- What its build knows: tasks, the fingerprints of their inputs in the same order, and schedules;
    -- and the digests of the declarations of those, while the worker ticks.
    tasks        text[]      not null default '{}',
    fingerprints bigint[]    not null default '{}',
    schedules    text[]      not null default '{}',
    declarations bigint[]    not null default '{}',
    -- The names of the tasks whose jobs it takes by keys: those that wait for keys are left to it.
    keyed        text[]      not null default '{}',
    -- Other names of the tasks; the fingerprints that it can run, or null for any; and whether it ticks
    -- schedules that were made at run time.
    aliases      text[]      not null default '{}',
    inputs       bigint[],
    ticks        boolean     not null default false
) with (fillfactor = 50);

-- Claimed by a worker. (worker, claim) is the claim token: a worker's id is random for each of its
-- starts, and it counts its claims, so that a token is never used twice.
create table pgq_jobs.running (
    id           bigint      not null,
    worker       bigint      not null,
    claim        bigint      not null,
    fingerprint  bigint,
    created_at   timestamptz not null,
    claimed_at   timestamptz not null,
    deliveries   int         not null,
    priority     smallint    not null,
    attempt      smallint    not null,
    max_attempts smallint    not null,
    deaths       smallint    not null,
    marks        smallint    not null,
    queue        text        collate "C" not null,
    task         text        collate "C" not null,
    input        bytea       not null,
    -- complete_jobs, end_jobs; by the worker alone: rescue_jobs, held_jobs
    primary key (worker, id)
) with (vacuum_truncate = off);

-- Ended; kept for looking at. The partitions of a state and a retention are ranges of time; they
-- are made ahead, and dropped when their last row has been kept for long enough. The names of
-- partitions end in what they hold: state, hours, and the hours from 1970 to where they begin.
create table pgq_jobs.finished (
    id              bigint      not null,
    worker          bigint,
    fingerprint     bigint,
    created_at      timestamptz not null,
    claimed_at      timestamptz,
    finished_at     timestamptz not null,
    deliveries      int         not null,
    -- 1 completed, 2 failed, 3 cancelled, 4 expired
    state           smallint    not null,
    -- For how many hours from `finished_at` the row is kept at least.
    retention       smallint    not null,
    priority        smallint    not null,
    attempt         smallint    not null,
    max_attempts    smallint    not null,
    deaths          smallint    not null,
    marks           smallint    not null,
    queue           text        collate "C" not null,
    task            text        collate "C" not null,
    input           bytea       not null,
    error           text
) partition by range (state, retention, finished_at);
-- find_job, list_finished. One index for both: each more would cost every job its part. A kind is
-- what one queue holds of one task, by its hash.
create index finished_kind
    on pgq_jobs.finished (hashtextextended(task, hashtextextended(queue, 0)), id);

-- The results of completed jobs, other than `()`.
create table pgq_jobs.result (
    job         bigint      not null,
    finished_at timestamptz not null,
    retention   smallint    not null,
    value       bytea       not null
) partition by range (retention, finished_at);
-- find_job
create index result_job on pgq_jobs.result (job);

-- Every attempt that failed, was cancelled, or was lost with its worker.
create table pgq_jobs.failure (
    job        bigint      not null,
    worker     bigint      not null,
    claimed_at timestamptz not null,
    failed_at  timestamptz not null,
    attempt    smallint    not null,
    -- 2 failed, 3 cancelled, as in `finished`; 5 the worker died
    outcome    smallint    not null default 2,
    retention  smallint    not null,
    error      text        not null
) partition by range (retention, failed_at);
-- find_attempts
create index failure_job on pgq_jobs.failure (job);

-- Inputs that are too large for a row that moves. The job's row has a stub in its place: the byte
-- 0xff, and the length of the input in four bytes. Written with the job, and deleted when the last
-- that is left of the job is.
create table pgq_jobs.large_input (
    -- read_inputs, delete_large_inputs
    job   bigint not null primary key,
    input bytea  not null
);

-- Fails, for a transaction that completes an attempt which does not hold its job any more. The
-- transaction is of no use after that.
create function pgq_jobs.refuse_completion(job bigint) returns boolean
    language plpgsql volatile
    as $$
begin
    raise exception using
        errcode = 'PGQ01',
        message = format('job %s is not held by this attempt any more', job),
        hint = 'The transaction cannot commit, since the job runs, or has ended, elsewhere.';
end
$$;

-- What is known of a job beside its row, of the jobs that have such. Like `large_input` it is written
-- with the job, and deleted when the last that is left of the job is.
create table pgq_jobs.detail (
    -- claim_jobs, find_job, delete_details
    job             bigint      not null primary key,
    -- It is not started for the first time after this.
    expires_at      timestamptz,
    -- Hashes of what the limits of its task go by.
    concurrency_key bigint,
    order_key       bigint,
    rate_key        bigint,
    -- The job whose attempt enqueued it, and the first one of that line.
    parent          bigint,
    root            bigint,
    tags            text[]      collate "C" not null,
    headers         jsonb       not null
);

-- What attempts have logged, if somebody captures it. Written just before the attempt ends, and deleted
-- when the last that is left of the job is.
create table pgq_jobs.attempt_log (
    job      bigint      not null,
    worker   bigint      not null,
    claim    bigint      not null,
    ended_at timestamptz not null,
    attempt  smallint    not null,
    text     text        not null,
    -- find_logs, delete_logs
    primary key (job, worker, claim)
);

-- tagged_jobs
create index detail_tags on pgq_jobs.detail using gin (tags) where tags <> '{}';

-- When to look whether a job has expired that nobody claims: one row for each job that can, and for each
-- that has taken its place, until it is looked at. The time that counts is that of the `detail`; a row
-- whose job is gone means nothing.
create table pgq_jobs.expiry (
    job        bigint      not null,
    expires_at timestamptz not null,
    -- The hash of the lane in which the job is, or was, ready for the first time; null if it never is.
    lane       bigint
);
-- expire_jobs
create index expiry_expires_at on pgq_jobs.expiry (expires_at);

-- Which jobs keep others away that are the same. The statement that ends a job with the mark 2 deletes
-- its row; one with a period stays for that long, whatever becomes of the job.
create table pgq_jobs.unique_key (
    -- The first half of the SHA-256 of the task and of what is compared.
    key   uuid        not null primary key,
    job   bigint      not null,
    -- The hash of the lane in which the job is, or was, ready for the first time.
    lane  bigint      not null,
    -- Null until the job has ended.
    until timestamptz
);
-- complete_jobs, end_jobs, rescue_jobs, expire_jobs
create index unique_key_job on pgq_jobs.unique_key (job) where until is null;
-- prune_keys
create index unique_key_until on pgq_jobs.unique_key (until) where until is not null;

-- Takes a job away that waits and of which no attempt has begun, with what is kept apart of it, so that
-- another takes its place. Returns false if there is none. One that is ready for the first time is in
-- the lane of this hash. With `before` it is left alone if it was enqueued later than that.
create function pgq_jobs.withdraw(
    id bigint, lane bigint, before timestamptz default null, before_job bigint default null
)
    returns boolean
    language plpgsql volatile
    -- However small the tables were when its plans were made.
    set enable_seqscan = off
    set search_path = pg_catalog, pg_temp
as $$
begin
    -- All three looks have one snapshot, so that it is in one of the places if it waits.
    while exists (
            select from pgq_jobs.scheduled as job
            where job.id = withdraw.id and job.marks & 16 = 0
              and (before is null or (job.created_at, job.id) < (before, before_job))
        ) or exists (
            select from pgq_jobs.ready as job
            where hashtextextended(job.queue, job.priority) = withdraw.lane
              and job.seq = withdraw.id
              and job.id = withdraw.id
              and job.marks & 16 = 0
              and (before is null or (job.created_at, job.id) < (before, before_job))
        ) or exists (
            select from pgq_jobs.ready as job
            where job.id = withdraw.id and job.id <> job.seq and job.marks & 16 = 0
              and (before is null or (job.created_at, job.id) < (before, before_job))
        )
    loop
        delete from pgq_jobs.scheduled as job
        where job.id = withdraw.id and job.marks & 16 = 0
          and (before is null or (job.created_at, job.id) < (before, before_job));
        if not found then
            delete from pgq_jobs.ready as job
            where hashtextextended(job.queue, job.priority) = withdraw.lane
              and job.seq = withdraw.id
              and job.id = withdraw.id
              and job.marks & 16 = 0
              and (before is null or (job.created_at, job.id) < (before, before_job));
        end if;
        if not found then
            delete from pgq_jobs.ready as job
            where job.id = withdraw.id and job.id <> job.seq and job.marks & 16 = 0
              and (before is null or (job.created_at, job.id) < (before, before_job));
        end if;
        -- If not, somebody has moved it since it was looked for: it is looked for again.
        if found then
            delete from pgq_jobs.detail as detail where detail.job = withdraw.id;
            delete from pgq_jobs.large_input as large where large.job = withdraw.id;
            delete from pgq_jobs.set_aside as aside where aside.job = withdraw.id;
            return true;
        end if;
    end loop;
    return false;
end
$$;
-- For `take_keys` only, which asks for a key: this needs no more than a number.
revoke execute on function pgq_jobs.withdraw(bigint, bigint, timestamptz, bigint) from public;

-- Says for each of the keys, by its place from 1, under which number its job is to be added, if it is:
--
-- - `new`: the number is a fresh one, and the job now holds the key;
-- - `replaced`: the job of that number has been withdrawn, and another is to be added under it;
-- - `existing`: the job of that number holds the key, and no other is to be added.
--
-- If `conflict` is `raise` and a key is held, or given twice, no key is taken and none of the jobs is
-- to be added: there is one row, `refused`, with the number of the job that holds it, if one does.
--
-- `lane` is the hash of the lane in which the jobs are added. A job that was enqueued later than `before`,
-- or at that time and behind `before_job`, is not replaced.
--
-- Keys are taken in their order, one after the other, so that calls at once wait for each other and not
-- in a circle. Who wants a key that an open transaction has taken, or frees, waits for its end. A key
-- that is held is not locked: whoever ends its job does not wait for those who met it.
--
-- It runs as the owner: who may do no more than enqueue may not look at jobs, or delete them, by any other way.
create function pgq_jobs.take_keys(
    keys uuid[], periods bigint[], conflict text, lane bigint, before timestamptz default null,
    before_job bigint default null
)
    returns table (place bigint, job bigint, outcome text)
    language plpgsql volatile
    security definer
    set enable_seqscan = off
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    -- In the order of the places, and not of the keys.
    numbers bigint[] := array(
        select nextval('pgq_jobs.job_number') from generate_series(1, cardinality(keys))
    );
    wanted record;
    holder record;
    actor bigint;
    number bigint;
    ends timestamptz;
    decided text;
    taken uuid[] := '{}';
    jobs bigint[] := numbers;
    outcomes text[] := array_fill('existing'::text, array [cardinality(keys)]);
    at bigint;
begin
    for wanted in
        select given.key, array_agg(given.place order by given.place) as places
        from unnest(keys) with ordinality as given (key, place)
        group by given.key
        order by given.key
    loop
        -- Of jobs of one call that are the same the first is added; one that replaces them is the last.
        actor := wanted.places[
            case conflict when 'replace' then cardinality(wanted.places) else 1 end
        ];
        number := numbers[actor];
        ends := clock_timestamp() + periods[actor] * interval '1 microsecond';
        decided := null;
        while decided is null loop
            insert into pgq_jobs.unique_key (key, job, lane, until)
            values (wanted.key, number, take_keys.lane, ends)
            on conflict (key) do nothing;
            if found then
                decided := 'new';
                exit;
            end if;
            select held.job, held.lane, held.until into holder
            from pgq_jobs.unique_key as held
            where held.key = wanted.key;
            -- It was freed meanwhile.
            continue when not found;
            if holder.until <= clock_timestamp() then
                update pgq_jobs.unique_key as held
                set job = number, lane = take_keys.lane, until = ends
                where held.key = wanted.key and held.until <= clock_timestamp();
                if found then
                    decided := 'new';
                end if;
                continue;
            end if;
            if conflict = 'replace'
                and pgq_jobs.withdraw(
                    holder.job, holder.lane, take_keys.before, take_keys.before_job
                )
            then
                update pgq_jobs.unique_key as held
                set until = ends
                where held.key = wanted.key and held.until is distinct from ends;
                number := holder.job;
                decided := 'replaced';
            elsif conflict <> 'replace' or exists (
                select from pgq_jobs.unique_key as held
                where held.key = wanted.key and held.job = holder.job
            ) then
                number := holder.job;
                decided := 'existing';
            end if;
        end loop;
        if decided = 'new' then
            taken := taken || wanted.key;
        end if;
        if conflict = 'raise' and (decided = 'existing' or cardinality(wanted.places) > 1) then
            delete from pgq_jobs.unique_key as held where held.key = any (taken);
            return query select actor, case decided when 'existing' then number end, 'refused';
            return;
        end if;
        foreach at in array wanted.places loop
            jobs[at] := number;
        end loop;
        outcomes[actor] := decided;
    end loop;
    -- Nothing is told before all keys are looked at.
    return query
    select each.place, each.job, each.outcome
    from unnest(jobs, outcomes) with ordinality as each (job, outcome, place);
end
$$;
revoke execute on function pgq_jobs.take_keys(uuid[], bigint[], text, bigint, timestamptz, bigint) from public;

-- What goes into the row of a job that has this input: the input, or a stub in the place of one that is kept
-- apart, its first byte and its length.
create function pgq_jobs.part_input(input bytea) returns bytea
    language sql immutable
    return case
        when octet_length(part_input.input) > 1536 or substr(part_input.input, 1, 1) = '\xff'::bytea
            then '\xff'::bytea || int4send(octet_length(part_input.input))
        else part_input.input
    end;

-- Numbers of the changes of schedules. Whoever draws one holds a lock until its transaction has ended, so
-- that they become visible in their order: who has seen one has seen all before it.
create sequence pgq_jobs.schedule_revision as bigint cache 1;

-- The schedules, and where each stands. A tick moves `last_tick` and enqueues its job in one statement.
create table pgq_jobs.schedule (
    name          text        collate "C" not null primary key,
    -- It was made at run time, and only this row says what it is. Others are declared by the code of
    -- workers.
    made          boolean     not null default false,
    task          text        collate "C" not null,
    -- A cron expression, or an interval such as `every 90s`.
    expression    text        not null,
    time_zone     text        not null,
    -- No tick is before the start, and none at the end or later.
    starts_at     timestamptz,
    ends_at       timestamptz,
    -- Only who knows it ticks. Of a schedule that is declared a hash of the name and of what says when the
    -- ticks are, of one that was made its revision.
    digest        bigint      not null,
    last_tick     timestamptz not null,
    -- The job of the last tick that had one.
    last_job      bigint,
    -- The hash of the lane in which that job is, or was, ready for the first time.
    last_lane     bigint,
    declared_at   timestamptz not null default now(),
    -- When a worker was seen, or at most an hour before that, whose code declares it.
    kept_at       timestamptz not null default now(),
    -- Drawn by each change but ticks.
    revision      bigint      not null default nextval('pgq_jobs.schedule_revision'),
    -- Since when it does not tick.
    paused_at     timestamptz,
    -- Since when somebody waits for a job that is no tick, which whoever ticks it is to enqueue.
    requested_at  timestamptz,
    -- The last jobs that it had, the newest first: those of ticks, and those that were triggered.
    recent        bigint[]    not null default '{}',
    missed        text        not null default 'once' check (missed in ('skip', 'once', 'all')),
    -- In microseconds, as all times here.
    missed_within bigint      check ((missed_within is not null) = (missed = 'all')),
    overlap       text        not null default 'allow'
        check (overlap in ('allow', 'skip', 'queue_one', 'cancel_running')),
    jitter        bigint      not null default 0,
    -- What its jobs are. Those of a schedule that is declared are made by who ticks, and this is for
    -- whoever triggers one. What is null is up to the task, as who ticks knows it; without a fingerprint, who
    -- made it does not know the task, and the key and the detail are up to it as well.
    queue         text        collate "C",
    priority      smallint    check (priority between 0 and 9),
    max_attempts  smallint    check (max_attempts between 1 and 1000),
    fingerprint   bigint,
    input         bytea       not null default '',
    -- As the statements that enqueue take it; null if the jobs have none.
    detail        jsonb,
    -- By what the jobs are the same as others; null if they are not.
    unique_key    bytea,
    unique_within bigint,
    conflict      text        check (conflict in ('skip', 'replace', 'raise')),
    -- Of one that was made by somebody who does not know the task: the fingerprints of the builds that take
    -- its input, the newest first; only these tick it. And why the first build does not that has refused it
    -- since one took it.
    takes         bigint[]    not null default '{}',
    problem       text
) with (fillfactor = 50);
-- changed_schedules
create index schedule_revision_order on pgq_jobs.schedule (revision);
-- retire_schedules
create index schedule_kept_at on pgq_jobs.schedule (kept_at) where not made;

-- The number of the last deletion of a schedule, in its one row: nothing else is left of that.
create table pgq_jobs.schedule_deletion (
    one      boolean not null default true primary key check (one),
    revision bigint  not null
) with (fillfactor = 50);
insert into pgq_jobs.schedule_deletion (revision) values (0);

-- Inputs of which somebody who does not know their task wants to know whether it takes them, before he makes a
-- schedule of them. Workers look at them who tick. Who has asked deletes the row; one that he leaves behind is
-- deleted by later questions.
create table pgq_jobs.input_question (
    -- Drawn as that of a schedule, so that workers are told in the same way.
    revision bigint      not null primary key,
    task     text        collate "C" not null,
    input    bytea       not null,
    asked_at timestamptz not null default clock_timestamp(),
    -- The first answer: the fingerprint of the build that takes it, or why one does not.
    taken_by bigint,
    problem  text
);

-- Limits of the whole fleet: how many jobs of a queue or a task run at once, and how many of a task
-- start in a time. Workers declare what their code says when they start; a row that is `overridden`
-- was set at run time, and comes before that.
create table pgq_jobs.fleet_limit (
    kind        text    not null check (kind in ('queue', 'task')),
    name        text    collate "C" not null,
    overridden  boolean not null,
    max_running int     check (max_running > 0),
    -- So many in `rate_per` microseconds, and `rate_burst` at once.
    rate_max    int     check (rate_max > 0),
    rate_per    bigint  check (rate_per > 0),
    rate_burst  int     check (rate_burst > 0),
    -- Of each concurrency key so many run at once.
    key_running int     check (key_running > 0),
    -- Whether jobs have an order key. Null if there are no keys at all.
    key_ordered boolean,
    -- Of each rate key so many in `key_rate_per` microseconds, and `key_rate_burst` at once.
    key_rate_max   int    check (key_rate_max > 0),
    key_rate_per   bigint check (key_rate_per > 0),
    key_rate_burst int    check (key_rate_burst > 0),
    primary key (kind, name, overridden)
);

-- The limits that are in force.
create view pgq_jobs.limit_in_force as
select kind, name,
       coalesce(max(max_running) filter (where overridden), max(max_running)) as max_running,
       coalesce(max(rate_max) filter (where overridden), max(rate_max)) as rate_max,
       coalesce(max(rate_per) filter (where overridden), max(rate_per)) as rate_per,
       coalesce(max(rate_burst) filter (where overridden), max(rate_burst)) as rate_burst,
       max(key_running) as key_running, bool_or(key_ordered) as key_ordered,
       max(key_rate_max) as key_rate_max, max(key_rate_per) as key_rate_per,
       max(key_rate_burst) as key_rate_burst
from pgq_jobs.fleet_limit
group by kind, name;

-- How many jobs under a limit a worker may run. The row goes with the worker's. Who raises `permits`
-- holds the lock of the limit, and has read the rows of the others after it had it; `version` is the
-- number of the worker's call, so that one that arrives late changes nothing.
create table pgq_jobs.allotment (
    kind    text   not null,
    name    text   collate "C" not null,
    worker  bigint not null,
    version bigint not null,
    permits int    not null check (permits >= 0),
    -- How many it has use for. While it wants more than it has, others leave it its part.
    wants   int    not null,
    primary key (kind, name, worker)
) with (fillfactor = 50);
-- rescue_jobs, return_jobs
create index allotment_worker on pgq_jobs.allotment (worker);

-- The token bucket of a task: what was missing from it at a time. A change adds a row and deletes the
-- one before, so that the newest is the last of the index however many dead ones there are.
create table pgq_jobs.bucket (
    task   text   collate "C" not null,
    number bigint not null,
    -- In billionths of a token.
    debt   bigint not null,
    -- In microseconds since 1970, by the clock of this server.
    at     bigint not null,
    primary key (task, number)
);

-- Which jobs hold a key: a hash of their task, of what is limited, and of the values that make the
-- key. A row is worth something only while its job is where it should be, which whoever has locked the
-- task's keys looks up: running, or, of a key that keeps an order, not ended since it has begun. One that
-- is worth nothing is kept, without a worker, while jobs wait for the key that nobody has claimed: so
-- everybody finds them.
create table pgq_jobs.key_permit (
    key    bigint   not null,
    job    bigint   not null,
    -- Who runs the job; null if the permit is worth nothing.
    worker bigint,
    -- 1 order, 2 concurrency
    kind   smallint not null,
    -- The name that the keys of the task go by.
    task   text     collate "C" not null,
    primary key (key, job)
);
-- stale_keys
create index key_permit_task on pgq_jobs.key_permit (task, kind, job);
-- free_keys
create index key_permit_free on pgq_jobs.key_permit (task, key) where worker is null;

-- Jobs that wait for a key. Their rows are in `scheduled`, with a time that never comes. While any
-- wait for a key, it has as many permits as there are.
create table pgq_jobs.set_aside (
    job   bigint   not null primary key,
    key   bigint   not null,
    -- The order among those of the key.
    place bigint   not null,
    -- As in `key_permit`, or 3: a rate. So is the task.
    kind  smallint not null,
    task  text     collate "C" not null,
    -- The line that it stands in: of a key of concurrency, or of a rate, each queue has its own, so that one
    -- whose jobs nobody takes holds up no other; of an order there is one, without a name.
    line  text     collate "C" not null
);
-- free_keys, key_states
create index set_aside_key on pgq_jobs.set_aside (key, line, place);
-- stray_keys, put_back
create index set_aside_task on pgq_jobs.set_aside (task, key);

-- The token buckets of the keys of rates: what was missing from each at a time, as in `bucket`. One that
-- is not here is full.
create table pgq_jobs.key_bucket (
    -- read_buckets, keep_turns
    key     bigint not null primary key,
    task    text   collate "C" not null,
    debt    bigint not null,
    at      bigint not null,
    -- When it is full again, by the same clock.
    full_at bigint not null
) with (fillfactor = 50);
-- keep_turns, put_back
create index key_bucket_full on pgq_jobs.key_bucket (task, full_at);

-- The lines in which jobs wait for tokens of a key, and when the next of them has one: a line is looked
-- at then, and goes when nobody waits in it.
create table pgq_jobs.key_turn (
    key  bigint not null,
    line text   collate "C" not null,
    task text   collate "C" not null,
    -- In microseconds since 1970, by the clock of this server.
    due  bigint not null,
    -- keep_turns, set_aside
    primary key (key, line)
);
-- due_turns, keep_turns, put_back
create index key_turn_due on pgq_jobs.key_turn (task, line, due);

-- What is not to be claimed: the jobs of a queue, or of a task. Workers read it once per poll interval,
-- and when they are told to.
create table pgq_jobs.pause (
    kind  text        not null check (kind in ('queue', 'task')),
    name  text        collate "C" not null,
    since timestamptz not null default now(),
    primary key (kind, name)
);

-- What an attempt of a job reported last, of the jobs whose task reports. Written about once a second
-- for each, and deleted when the last that is left of the job is.
create table pgq_jobs.progress (
    -- set_progress, find_progress, delete_progress
    job        bigint      not null primary key,
    done       bigint      not null,
    total      bigint      not null,
    updated_at timestamptz not null,
    attempt    smallint    not null,
    message    text        not null
) with (fillfactor = 50);

-- Running jobs that are to be cancelled, by their claim tokens. Whoever writes a row has the job's row
-- in `running` locked, and whoever takes that one away looks here after it: so no request is missed,
-- and one that is left behind by a job that ended means nothing.
create table pgq_jobs.cancel_request (
    worker       bigint      not null,
    job          bigint      not null,
    claim        bigint      not null,
    requested_at timestamptz not null default now(),
    primary key (worker, job, claim)
);

-- Takes the requests to cancel these jobs of these workers.
--
-- It is a function because a function sees what was committed before it is called, where a part of a
-- statement sees what was committed before the statement began. Call it when the rows in `running`
-- have been taken away.
create function pgq_jobs.take_cancel_requests(workers bigint[], jobs bigint[])
    returns table (worker bigint, job bigint, claim bigint)
    language sql volatile
    begin atomic
        delete from pgq_jobs.cancel_request as request
        where request.worker = any (workers)
          and request.job = any (jobs)
        returning request.worker, request.job, request.claim;
    end;

-- All jobs, for people. A large input, a detail and the progress are read only if their columns are
-- asked for.
create view pgq_jobs.job as
select stored.id, stored.state, stored.task, stored.queue, stored.priority, stored.attempt,
       stored.max_attempts, stored.deliveries, stored.deaths, stored.created_at, stored.run_at,
       stored.claimed_at, stored.finished_at, stored.worker,
       case
           when substr(stored.input, 1, 1) = '\xff'
               then (select large.input from pgq_jobs.large_input as large where large.job = stored.id)
           else stored.input
       end as input,
       stored.result, stored.error, detail.expires_at, detail.parent, detail.root, detail.tags,
       detail.headers,
       (
           select jsonb_build_object('done', progress.done, 'total', progress.total,
                                     'message', progress.message, 'attempt', progress.attempt,
                                     'updated_at', progress.updated_at)
           from pgq_jobs.progress as progress
           where progress.job = stored.id
       ) as progress
from (
    select id, 'scheduled' as state, task, queue, priority, attempt, max_attempts, deliveries, deaths,
           marks, created_at, run_at, null::timestamptz as claimed_at,
           null::timestamptz as finished_at, null::bigint as worker, input, null::bytea as result, error
    from pgq_jobs.scheduled
    union all
    select id, 'ready', task, queue, priority, attempt, max_attempts, deliveries, deaths, marks,
           created_at, null, null, null, null, input, null, null
    from pgq_jobs.ready
    union all
    select id, 'running', task, queue, priority, attempt, max_attempts, deliveries, deaths, marks,
           created_at, null, claimed_at, null, worker, input, null, null
    from pgq_jobs.running
    union all
    select id, (array ['completed', 'failed', 'cancelled', 'expired'])[state], task, queue, priority,
           attempt, max_attempts, deliveries, deaths, marks, created_at, null, claimed_at, finished_at,
           worker, input, (select value from pgq_jobs.result where job = id), error
    from pgq_jobs.finished
) as stored
left join pgq_jobs.detail as detail on detail.job = stored.id and stored.marks & 4 <> 0;

-- The workers, for people.
create view pgq_jobs.fleet as
select id as worker, host, pid, lease_until > clock_timestamp() as alive, running, concurrency, queues,
       pgq_version, app_version, started_at, heartbeat_at, lease_until, tasks, schedules
from pgq_jobs.worker
order by started_at;

-- Wake-ups. A commit with a NOTIFY waits for every other such commit, so whoever adds jobs sends one
-- only if a worker waits for it. A topic is a queue, or the delayed jobs. `worker/parking.rs` has the
-- other half of the protocol; the crate `models` checks both.
--
-- Whoever waits for wake-ups holds these advisory locks, shared, in the session that listens: one
-- for each place, from 0 to 7. An enqueuer tests the one of its own place, so that many of them
-- seldom meet at the same lock, where they would wait for each other, and take each other for
-- somebody who waits.
create function pgq_jobs.parked_lock(channel text, topic text, place int) returns bigint
    language sql immutable parallel safe
    return hashtextextended(channel || ' ' || topic, 7366513 + place);

-- Wakes those who wait for the topic once this transaction commits; returns whether there may be
-- any. Run it in each statement that adds jobs: the statement, or one before it in the transaction,
-- must have locked their table when this looks whether somebody waits. Who begins to wait after that
-- sees the table's lock, and looks for jobs until it is gone.
--
-- One expression: an error cannot come between taking the lock and giving it back, and leave it with
-- a session that others use after this one. It is also simple enough for the planner to put it in
-- the place of the call.
create function pgq_jobs.wake(channel text, topic text) returns boolean
    language sql volatile parallel restricted
    return case
        when case
                when pg_try_advisory_lock(
                        pgq_jobs.parked_lock(channel, topic, pg_backend_pid() % 8))
                    then pg_advisory_unlock(
                        pgq_jobs.parked_lock(channel, topic, pg_backend_pid() % 8))
                else false
            end
            then false
        else pg_notify(channel, topic) is not null
    end;

-- Tells every worker to read its directives once this transaction commits; returns whether it does.
-- Nobody relies on it, so it is left out when the queue of notifications could become full, which
-- would make commits fail.
create function pgq_jobs.direct(channel text) returns boolean
    language sql volatile parallel restricted
    return case
        when pg_notification_queue_usage() < 0.5 then pg_notify(channel, 'directives') is not null
        else false
    end;

-- Whoever copies changes elsewhere often publishes all tables, and then the server lets nobody delete from one whose
-- rows have no identity. Partitions are given theirs when they are made. It costs nothing unless the server writes
-- its log for such copies.
alter table pgq_jobs.ready replica identity full;
alter table pgq_jobs.expiry replica identity full;
alter table pgq_jobs.finished replica identity full;
alter table pgq_jobs.result replica identity full;
alter table pgq_jobs.failure replica identity full;
