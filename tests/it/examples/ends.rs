//! The examples that end by themselves, and what they say on the way.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::ensure;
use pgq_tests::root;

use super::{Process, example};

/// Makes a test of each example: its output has these parts.
macro_rules! ends {
    ($($test:ident: $name:literal, $parts:expr;)*) => {
        $(
            #[test]
            fn $test() -> anyhow::Result<()> {
                says($name, &$parts)
            }
        )*

        const NAMES: &[&str] = &[$($name),*];
    };
}

ends! {
    batch_gives_each_job_an_outcome_of_its_own: "batch",
        ["250 completed, 1 failed\n", "400 °C is not on earth"];
    expires_ends_the_job_that_was_in_a_hurry: "expires",
        ["a code for user 1, before Some(", "expired"];
    graceful_shutdown_keeps_what_did_not_end: "graceful_shutdown",
        ["stopping\n", "short: completed\n", "long: ready, 0 attempts used of "];
    keyed_concurrency_runs_every_job: "keyed_concurrency",
        ["render page 6\n", "export 2024 of bob\n", "book -99 cents on the account of ada\n", "in force: ["];
    middleware_watches_its_jobs_and_keeps_what_they_say: "middleware",
        [
            "job 1 (divide) took ",
            "page: divide failed: job 2: 1 cannot be divided by 0\n",
            "page: wait_for_godot failed: job 3: request timed out\n",
            "completed: 1, retried: 0, failed: 2,",
        ];
    outcomes_says_what_becomes_of_each_job: "outcomes",
        [
            "Ok: completed, 1 attempt(s)",
            "Asleep: scheduled, 0 attempt(s)",
            "TooManyRequests: scheduled, 1 attempt(s), too many",
            "Gone: cancelled, 1 attempt(s), the subscriber is gone",
            "WrongRequest: failed, 1 attempt(s), status 400",
        ];
    progress_is_seen_while_the_job_runs: "progress",
        [" of 60: row ", "\ndone\n"];
    quickstart_prints_its_results: "quickstart",
        [
            ": 2 × tea, 700 cents",
            ": 1 × water, 200 cents",
            ": 1 × cake, 420 cents",
            ": 3 × coffee, 840 cents",
            " failed in attempt 1: nobody can order 0 × milk",
        ];
    rate_limit_lets_every_job_run: "rate_limit",
        ["look up 13 Main Street\n", "look up 13 Station Road\n", "13 addresses in "];
    retries_shows_what_becomes_of_failures: "retries",
        [
            "fetch http://example.com: attempt 2 of 3\n",
            "parse: failed after 1 attempt(s): ",
            "hang: failed after 1 attempt(s): timed out after 200ms\n",
            "fetch: http://example.com answered in attempt 2\n",
        ];
    schedule_ticks: "schedule",
        ["tick 3 is job ", "stopped after "];
    schedule_policies_skip_what_overlaps: "schedule_policies",
        ["import 2 of shop, limit None\n", "2 imports\n"];
    schedule_overlap_cancels_what_is_out_of_date: "schedule_overlap",
        ["forecast 1 is out of date\n", "forecast 3 has begun\n", "3 forecasts\n"];
    schedule_run_time_does_what_it_is_told: "schedule_run_time",
        [
            "next: Some(",
            "triggered: shop 7\n",
            "report/7 ticks every 1s, paused: true\n",
        ];
    schedule_time_zone_ticks: "schedule_time_zone",
        ["tick 3\n", "stopped after "];
    testing_moves_the_clock: "testing",
        ["now: nothing ran\n", "`remind`, attempt 1: completed\n"];
    transactional_completion_moves_money_once: "transactional_completion",
        ["nothing to move", "the books are closed\n", "audited: 1000 cents\n"];
    transactional_enqueue_leaves_no_job_of_what_was_rolled_back: "transactional_enqueue",
        ["not signed up: `nobody` is no address\n", "1 job completed: welcome, ada@example.com\n"];
    unique_runs_one_job_of_each: "unique",
        [
            "the index of shop 7 is new, because a price changed\n",
            "the index of shop 7 is new, because it is night\n",
            "document 1: Dear Ada,\n",
            "reminded user 3\n",
        ];
    without_macro_runs_what_it_was_told: "without_macro",
        ["tidied\n", " costs 1800 cents\n", " costs 450 cents\n", " costs 600 cents\n"];
}

/// Runs an example, and looks for parts of what it prints.
fn says(name: &str, parts: &[&str]) -> anyhow::Result<()> {
    let mut process = Process::start(&mut Command::new(example(name)?))?;

    let status = process.wait()?;

    let (output, errors) = process.output()?;
    ensure!(status.success(), "{status}: {errors}");
    let output = String::from_utf8(output)?;
    for part in parts {
        ensure!(output.contains(part), "{part:?} is not in {output}");
    }
    Ok(())
}

#[test]
fn every_example_that_ends_by_itself_is_run() -> anyhow::Result<()> {
    let mut examples = BTreeSet::new();
    for entry in fs::read_dir(root().join("examples"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            examples.extend(
                path.file_stem()
                    .map(|name| name.to_string_lossy().into_owned()),
            );
        }
    }

    // One is a service, and the others have tests that say more.
    let others = ["axum", "contract", "opentelemetry"];
    let run = NAMES.iter().chain(&others).map(|name| (*name).to_owned());
    assert_eq!(run.collect::<BTreeSet<_>>(), examples);
    Ok(())
}
