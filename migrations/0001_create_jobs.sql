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
    queue        text        collate "C" not null check (queue <> ''),
    task         text        collate "C" not null check (task <> ''),
    input        bytea       not null,
    -- Why the last attempt failed; null if none has.
    error        text
);
-- promote_jobs
create index scheduled_run_at on pgq_jobs.scheduled (run_at);

-- Due, and waiting for a worker.
create table pgq_jobs.ready (
    id           bigint      not null primary key,
    seq          bigint      not null,
    fingerprint  bigint,
    created_at   timestamptz not null,
    deliveries   int         not null,
    priority     smallint    not null check (priority between 0 and 9),
    attempt      smallint    not null,
    max_attempts smallint    not null check (max_attempts between 1 and 1000),
    deaths       smallint    not null,
    queue        text        collate "C" not null check (queue <> ''),
    task         text        collate "C" not null check (task <> ''),
    input        bytea       not null
);
-- claim_jobs, unknown_task
create unique index ready_claim_order on pgq_jobs.ready (queue, priority, seq);

-- The workers that hold leases. One row each, renewed by heartbeats; there is no lease per job.
create table pgq_jobs.worker (
    id          bigint      not null primary key,
    started_at  timestamptz not null default now(),
    lease_until timestamptz not null,
    pid         int         not null,
    host        text        not null,
    queues      text[]      not null
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
    queue        text        collate "C" not null,
    task         text        collate "C" not null,
    input        bytea       not null,
    -- complete_jobs, end_jobs; by the worker alone: rescue_jobs, held_jobs
    primary key (worker, id)
);

-- Ended; kept for looking at.
create table pgq_jobs.finished (
    id           bigint      not null,
    worker       bigint,
    fingerprint  bigint,
    created_at   timestamptz not null,
    claimed_at   timestamptz,
    finished_at  timestamptz not null,
    deliveries   int         not null,
    -- 1 completed, 2 failed, 3 cancelled, 4 expired
    state        smallint    not null check (state between 1 and 4),
    priority     smallint    not null,
    attempt      smallint    not null,
    max_attempts smallint    not null,
    deaths       smallint    not null,
    queue        text        collate "C" not null,
    task         text        collate "C" not null,
    input        bytea       not null,
    -- Null stands for the result `()`, and for no result.
    result       bytea,
    error        text
);
-- find_job
create index finished_id on pgq_jobs.finished (id);

-- Every attempt that failed or was lost with its worker, oldest first by `failed_at`.
create table pgq_jobs.failure (
    job        bigint      not null,
    worker     bigint      not null,
    claimed_at timestamptz not null,
    failed_at  timestamptz not null,
    attempt    smallint    not null,
    error      text        not null
);
create index failure_job on pgq_jobs.failure (job);

-- Where each schedule stands. A tick moves `last_tick` and enqueues its job in one statement.
create table pgq_jobs.schedule (
    name        text        not null primary key,
    task        text        collate "C" not null,
    expression  text        not null,
    last_tick   timestamptz not null,
    declared_at timestamptz not null default now()
);

-- All jobs, for people.
create view pgq_jobs.job as
select id, 'scheduled' as state, task, queue, priority, attempt, max_attempts, deliveries, deaths,
       created_at, run_at, null::timestamptz as claimed_at, null::timestamptz as finished_at,
       null::bigint as worker, input, null::bytea as result, error
from pgq_jobs.scheduled
union all
select id, 'ready', task, queue, priority, attempt, max_attempts, deliveries, deaths,
       created_at, null, null, null, null, input, null, null
from pgq_jobs.ready
union all
select id, 'running', task, queue, priority, attempt, max_attempts, deliveries, deaths,
       created_at, null, claimed_at, null, worker, input, null, null
from pgq_jobs.running
union all
select id, (array ['completed', 'failed', 'cancelled', 'expired'])[state], task, queue, priority,
       attempt, max_attempts, deliveries, deaths, created_at, null, claimed_at, finished_at, worker,
       input, result, error
from pgq_jobs.finished;
