//! The tables of jobs: what is in them while plans are looked at, and which index each is found by.
//!
//! Everything about the schema that the plan tests know is here.

/// The tables that jobs are in.
pub(super) const JOBS: &[&str] = &[
    "scheduled",
    "ready",
    "running",
    "finished",
    "result",
    "failure",
    "large_input",
    "detail",
    "expiry",
    "unique_key",
    "attempt_log",
    "progress",
    "set_aside",
    "key_bucket",
    "key_turn",
];

/// Where a claim finds its lanes.
pub(super) const READY_LANES: &str = "ready_claim_order";
/// Where one job is found that is ready again.
pub(super) const READY_ID: &str = "ready_again";
/// Where what is due is found.
pub(super) const SCHEDULED_DUE: &str = "scheduled_run_at";
/// Where one scheduled job is found.
pub(super) const SCHEDULED_ID: &str = "scheduled_pkey";
/// Where the jobs of a worker are found, and one of them.
pub(super) const RUNNING: &str = "running_pkey";
/// Where finished jobs are found and listed.
pub(super) const FINISHED: &str = "finished_kind";
/// Where the result of a job is found.
pub(super) const RESULT: &str = "result_job";
/// Where the failed attempts of a job are found.
pub(super) const FAILURE: &str = "failure_job";
/// Where an input is found that is kept apart.
pub(super) const LARGE_INPUT: &str = "large_input_pkey";
/// Where the detail of a job is found.
pub(super) const DETAIL: &str = "detail_pkey";
/// Where those jobs are found that expire next.
pub(super) const EXPIRY: &str = "expiry_expires_at";
/// Where the unique key of a job is found.
pub(super) const KEY_JOB: &str = "unique_key_job";
/// Where those keys are found whose period ends next.
pub(super) const KEY_UNTIL: &str = "unique_key_until";

/// Where the logs of a job are found.
pub(super) const LOG: &str = "attempt_log_pkey";
/// Where the progress of a job is found.
pub(super) const PROGRESS: &str = "progress_pkey";
/// Where one job is found that waits for a key.
pub(super) const ASIDE_JOB: &str = "set_aside_pkey";
/// Where those are found that wait for a key.
pub(super) const ASIDE_KEY: &str = "set_aside_key";
/// What of each task waits for keys.
pub(super) const ASIDE_TASK: &str = "set_aside_task";
/// Where the tokens of a key are found.
pub(super) const BUCKET: &str = "key_bucket_pkey";
/// Where full buckets are found.
pub(super) const BUCKET_FULL: &str = "key_bucket_full";
/// Where the lines of a key are found.
pub(super) const TURN: &str = "key_turn_pkey";
/// Where lines are found that have their turn.
pub(super) const TURN_DUE: &str = "key_turn_due";

/// Puts that many jobs in each state: most of them in one queue and lane and of one worker, a few
/// elsewhere.
pub(super) fn fill(jobs: i64) -> Vec<String> {
    let columns = "created_at, deliveries, priority, attempt, max_attempts, deaths, marks, queue,
                   task, input";
    let job = "statement_timestamp(), 1, case when n % 100 = 0 then 5 else 0 end, 0, 5, 0, 0,
               case when n % 50 = 0 then 'other' else 'mail' end,
               case when n % 1000 = 0 then 'unknown' else 'send' end, '\\x01'";
    let numbers = format!("from generate_series(1, {jobs}) as n");
    vec![
        format!("insert into pgq_jobs.ready (id, seq, {columns}) select n, n, {job} {numbers}"),
        format!(
            "insert into pgq_jobs.scheduled (id, run_at, {columns})
             select n + 10000000, now() + (n - 1000) * interval '1 second', {job} {numbers}"
        ),
        format!(
            "insert into pgq_jobs.running (id, worker, claim, claimed_at, {columns})
             select n + 20000000, case when n % 100 = 0 then 2 else 1 end, n / 100, now(), {job}
             {numbers}"
        ),
        format!(
            "insert into pgq_jobs.finished (id, worker, finished_at, state, retention, {columns})
             select n + 30000000, 1, now(), 1, 24, {job} {numbers}"
        ),
        format!(
            "insert into pgq_jobs.detail (job, tags, headers) select n + 30000000, '{{}}', '{{}}'
             {numbers}"
        ),
        format!(
            "insert into pgq_jobs.unique_key (key, job, lane, until)
             select gen_random_uuid(), n + 20000000, 0, case when n % 2 = 0 then now() end {numbers}"
        ),
        format!(
            "insert into pgq_jobs.expiry (job, expires_at)
             select n + 10000000, now() + (n - 1000) * interval '1 second' {numbers}"
        ),
        format!(
            "insert into pgq_jobs.progress (job, done, total, updated_at, attempt, message)
             select n + 30000000, 1, 2, now(), 1, 'half' {numbers}"
        ),
        format!(
            "insert into pgq_jobs.set_aside (job, key, place, kind, task, line)
             select n + 10000000, n % 10, n, 1 + n % 2, 'send',
                    case n % 2 when 0 then '' when 1 then 'mail' end {numbers}"
        ),
        format!(
            "insert into pgq_jobs.key_bucket (key, task, debt, at, full_at)
             select n, 'send', 1, n, n {numbers}"
        ),
        format!(
            "insert into pgq_jobs.key_turn (key, line, task, due)
             select n, case when n % 50 = 0 then 'other' else 'mail' end, 'send', n {numbers}"
        ),
        format!(
            "insert into pgq_jobs.attempt_log (job, worker, claim, ended_at, attempt, text)
             select n + 30000000, 1, 1, now(), 1, 'a line' {numbers}"
        ),
        // Nothing on the hot path reads it.
        "insert into pgq_jobs.failure
             (job, worker, claimed_at, failed_at, attempt, retention, error)
         select n, 1, now(), now(), 1, 336, 'oops' from generate_series(1, 1000) as n"
            .to_owned(),
        "insert into pgq_jobs.worker (id, lease_until, pid, host, queues)
         select n, now() + interval '1 hour', 1, 'localhost', '{mail}'
         from generate_series(1, 3) as n"
            .to_owned(),
        "insert into pgq_jobs.schedule
             (name, task, expression, time_zone, digest, last_tick, last_job)
         values ('nightly', 'send', '0 3 * * *', 'UTC', 7, now(), 1)"
            .to_owned(),
    ]
}
