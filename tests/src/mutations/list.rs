//! The mistakes.

use super::Mutation;

const STEPS: &[&str] = &["stranded::no_step_of_others_strands_a_job"];

/// Every mistake that is tried.
pub const MUTATIONS: &[Mutation] = &[
    // Fencing.
    Mutation {
        name: "a completion does not name its claim",
        file: "pgq/src/postgres/sql/complete_jobs.sql",
        find: "              and running.claim = completion.claim\n",
        replace: "",
        tests: &["conformance::finish::postgres::an_earlier_claim_of_the_same_worker_cannot_write"],
    },
    Mutation {
        name: "a completion does not name its worker",
        file: "pgq/src/postgres/sql/complete_jobs.sql",
        find: "where running.worker = $1",
        replace: "where running.worker is not null",
        tests: &["conformance::finish::postgres::another_worker_cannot_complete"],
    },
    Mutation {
        name: "an end without a result does not name its claim",
        file: "pgq/src/postgres/sql/end_jobs.sql",
        find: "              and running.claim = ending.claim\n",
        replace: "",
        tests: &["conformance::finish::postgres::an_earlier_claim_of_the_same_worker_cannot_write"],
    },
    Mutation {
        name: "an end without a result does not name its worker",
        file: "pgq/src/postgres/sql/end_jobs.sql",
        find: "where running.worker = $1",
        replace: "where running.worker is not null",
        tests: &["conformance::finish::postgres::another_worker_cannot_end"],
    },
    Mutation {
        name: "a completion in a transaction of the task does not name its worker",
        file: "pgq/src/postgres/sql/complete_within.sql",
        find: "where worker = $1 and id = $2",
        replace: "where id = $2",
        tests: &[
            "run::transaction::an_attempt_whose_job_was_taken_cannot_commit_whatever_it_does_about_it",
        ],
    },
    Mutation {
        name: "a completion in a transaction of the task that is fenced does not fail",
        file: "pgq/src/postgres/sql/complete_within.sql",
        find: "else pgq_jobs.refuse_completion($2)",
        replace: "else false",
        tests: &[
            "run::transaction::an_attempt_whose_job_was_taken_cannot_commit_whatever_it_does_about_it",
        ],
    },
    Mutation {
        name: "a heartbeat revives a worker that a rescue has left for one of its jobs",
        file: "pgq/src/postgres/sql/heartbeat.sql",
        find: " and lease_until > 'epoch'",
        replace: "",
        tests: &[
            "run::transaction::a_job_that_is_being_completed_is_not_rescued_and_holds_up_no_other",
        ],
    },
    Mutation {
        name: "the transaction of a job that is cancelled commits",
        file: "pgq/src/worker/conclude.rs",
        find: "context.cancel_reason() == Some(CancelReason::Cancelled)",
        replace: "false && context.cancel_reason() == Some(CancelReason::Cancelled)",
        tests: &[
            "run::transaction::given::the_transaction_of_a_job_that_is_cancelled_does_not_commit",
        ],
    },
    Mutation {
        name: "a thread that drops the last share of a permit starts jobs on no runtime",
        file: "pgq/src/worker/runner.rs",
        find: "hub.attempts.spawn_on(running, &hub.runtime)",
        replace: "hub.attempts.spawn(running)",
        tests: &[
            "limits::at_once::a_thread_that_nobody_waits_for_passes_its_permit_to_a_job_that_is_claimed",
        ],
    },
    Mutation {
        name: "a rescue waits for a transaction that completes a job",
        file: "pgq/src/postgres/sql/rescue_jobs.sql",
        find: "        for update skip locked\n",
        replace: "",
        tests: &[
            "run::transaction::a_job_that_is_being_completed_is_not_rescued_and_holds_up_no_other",
        ],
    },
    Mutation {
        name: "a completion whose commit is unknown is taken for one that failed",
        file: "pgq/src/worker/conclude.rs",
        find: "Hold::Gone => return Ok(false)",
        replace: "Hold::Gone => return Ok(true)",
        tests: &["run::transaction::lost::a_commit_that_nobody_heard_of_counts"],
    },
    Mutation {
        name: "an attempt whose job was taken enqueues jobs",
        file: "pgq/src/postgres/children.rs",
        find: "if held.is_none() {",
        replace: "if false {",
        tests: &["conformance::children::postgres::an_attempt_that_holds_nothing_enqueues_nothing"],
    },
    Mutation {
        name: "an earlier attempt overwrites the progress of a later one",
        file: "pgq/src/postgres/sql/set_progress.sql",
        find: " and running.claim = $3",
        replace: "",
        tests: &[
            "conformance::progress::postgres::an_earlier_attempt_does_not_overwrite_a_later_one",
        ],
    },
    Mutation {
        name: "a completion tells nobody who waits",
        file: "pgq/src/postgres/sql/complete_jobs.sql",
        find: "select pgq_jobs.wake($9, 'finished')",
        replace: "select $9::text",
        tests: &["run::waiting::a_completion_tells_of_itself_only_if_somebody_waits"],
    },
    Mutation {
        name: "a claim token is used twice",
        file: "pgq/src/worker/hub.rs",
        find: "self.claims.fetch_add(1, Ordering::Relaxed) + 1",
        replace: "self.claims.load(Ordering::Relaxed) + 1",
        tests: &["commits::no_claim_token_is_used_twice"],
    },
    // Leases.
    Mutation {
        name: "a worker whose lease has ended may claim",
        file: "pgq/src/postgres/sql/claim_jobs.sql",
        find: " and worker.lease_until > now()",
        replace: "",
        tests: &["conformance::claim::postgres::a_worker_whose_lease_has_ended_gets_nothing"],
    },
    Mutation {
        name: "a claim does not lock its worker",
        file: "pgq/src/postgres/sql/claim_jobs.sql",
        find: "    for key share of worker\n",
        replace: "",
        tests: &["fleet::kill::a_claim_that_ends_after_its_worker_is_rescued_too"],
    },
    Mutation {
        name: "a rescue does not lock the dead workers",
        file: "pgq/src/postgres/sql/lock_dead_workers.sql",
        find: "\nfor update skip locked",
        replace: "",
        tests: &["fleet::kill::a_claim_that_ends_after_its_worker_is_rescued_too"],
    },
    Mutation {
        name: "a worker that cannot renew its lease goes on",
        file: "pgq/src/worker/lease.rs",
        find: "if renewed.elapsed() >= patience {",
        replace: "if renewed.elapsed() >= patience * 1000 {",
        tests: &[
            "fleet::outage::attempts_are_cancelled_before_the_lease_ends_while_the_server_is_down",
        ],
    },
    Mutation {
        name: "a worker that has been rescued goes on",
        file: "pgq/src/worker/lease.rs",
        find: "Ok(Ok(false)) => return self.lose(\"the worker has been rescued\"),",
        replace: "Ok(Ok(false)) => renewed = sent,",
        tests: &["fleet::stall::a_worker_that_claims_nothing_learns_that_it_was_rescued"],
    },
    Mutation {
        name: "after an outage a worker does not compare what it holds",
        file: "pgq/src/worker/claimer.rs",
        find: "if !self.reconcile().await {",
        replace: "if false {",
        tests: &[
            "run::outage::a_job_whose_claim_was_lost_in_a_crash_runs_again",
            "fleet::outage::a_claim_whose_answer_was_lost_is_given_back",
        ],
    },
    // Budgets.
    Mutation {
        name: "a retry does not count its attempt",
        file: "pgq/src/postgres/sql/end_jobs.sql",
        find: "(ending.kind in ('expired', 'release', 'unstarted'))::int",
        replace: "(ending.kind <> 'failed')::int",
        tests: &["conformance::finish::postgres::a_retry_waits_and_counts_its_attempt"],
    },
    Mutation {
        name: "a release costs an attempt",
        file: "pgq/src/postgres/sql/end_jobs.sql",
        find: "(ending.kind in ('expired', 'release', 'unstarted'))::int",
        replace: "0",
        tests: &["conformance::finish::postgres::a_release_gives_the_attempt_back_at_once"],
    },
    Mutation {
        name: "a worker that stops burns attempts",
        file: "pgq/src/postgres/sql/return_jobs.sql",
        find: "(attempt - 1)::smallint, max_attempts, deaths, marks, queue, task, input\n    from left_over\n    \
               where (worker, id, claim) not in",
        replace: "attempt, max_attempts, deaths, marks, queue, task, input\n    from left_over\n    \
                  where (worker, id, claim) not in",
        tests: &[
            "conformance::lease::postgres::a_worker_that_stops_gives_its_jobs_back_at_no_cost",
        ],
    },
    Mutation {
        name: "deaths of workers do not count",
        file: "pgq/src/postgres/sql/rescue_jobs.sql",
        find: "(deaths + 1)::smallint as deaths",
        replace: "deaths",
        tests: &["conformance::lease::postgres::a_job_fails_once_enough_workers_died_of_it"],
    },
    Mutation {
        name: "a job that outlived its worker is replaced",
        file: "pgq/src/postgres/sql/rescue_jobs.sql",
        find: "(marks & ~8::smallint) | 16::smallint as marks",
        replace: "marks & ~8::smallint as marks",
        tests: &[
            "conformance::replace::postgres::a_job_of_which_an_attempt_may_have_begun_is_not_replaced",
        ],
    },
    Mutation {
        name: "an expiry waits for a transaction that replaces jobs",
        file: "pgq/src/postgres/sql/expire_jobs.sql",
        find: "        where ctid = any (array(select place from ready_late))\n        for update skip locked\n",
        replace: "        where ctid = any (array(select place from ready_late))\n",
        tests: &["run::changes::many_changes_do_not_wait_for_a_transaction_that_replaces_a_job"],
    },
    Mutation {
        name: "a schedule is left to a build that is gone",
        file: "pgq/src/scheduler/absence.rs",
        find: "(missing >= patience).then_some(self.kept_at)",
        replace: "(missing == Duration::MAX).then_some(self.kept_at)",
        tests: &[
            "run::schedules::a_schedule_ticks_again_when_the_build_is_gone_that_declared_it_last",
        ],
    },
    Mutation {
        name: "a permit outlives the key of its job",
        file: "pgq/src/postgres/sql/stale_keys.sql",
        find: "                and looked.key in (detail.order_key, detail.concurrency_key)\n",
        replace: "",
        tests: &[
            "conformance::keys::postgres::a_replaced_job_gives_up_the_key_that_it_was_claimed_for",
        ],
    },
    // Durability.
    Mutation {
        name: "completions do not wait for the disk",
        file: "pgq/src/postgres/connect.rs",
        find: "    (\"enable_seqscan\", \"off\"),\n",
        replace: "    (\"enable_seqscan\", \"off\"),\n    (\"synchronous_commit\", \"off\"),\n",
        tests: &["commits::only_claims_do_not_wait_for_the_disk"],
    },
    // The cursors of claims.
    Mutation {
        name: "a tick reads the open transactions before the sequence",
        file: "pgq/src/postgres/claim.rs",
        find: "\
        let reading = sqlx::query_scalar(self.statements.horizon.clone())
            .fetch_one(session.connection())
            .await
            .map_err(error)?;
        let open: Vec<String> = sqlx::query_scalar(self.statements.open_writers.clone())
            .fetch_all(session.connection())
            .await
            .map_err(error)?;
",
        replace: "\
        let open: Vec<String> = sqlx::query_scalar(self.statements.open_writers.clone())
            .fetch_all(session.connection())
            .await
            .map_err(error)?;
        let reading = sqlx::query_scalar(self.statements.horizon.clone())
            .fetch_one(session.connection())
            .await
            .map_err(error)?;
",
        tests: STEPS,
    },
    Mutation {
        name: "the cursor rises to what was claimed",
        file: "pgq/src/postgres/cursor.rs",
        find: "first.map_or(self.reading, |first| first - 1)",
        replace: "first.map_or(self.reading, |first| first)",
        tests: STEPS,
    },
    Mutation {
        name: "the cursor passes over what another claim has locked",
        file: "pgq/src/postgres/sql/claim_jobs.sql",
        find: "            limit 1\n        )\n",
        replace: "            limit 1\n            for update skip locked\n        )\n",
        tests: STEPS,
    },
    Mutation {
        name: "a tick trusts its own reading instead of the one before",
        file: "pgq/src/postgres/cursor.rs",
        find: "fold(self.reading, i64::min)",
        replace: "fold(reading, i64::min)",
        tests: &[
            STEPS[0],
            "pgq::postgres::cursor::tests::a_transaction_that_no_tick_saw_lowers_the_cursor_to_the_\
             reading_before",
        ],
    },
    Mutation {
        name: "a tick forgets where an open transaction began",
        file: "pgq/src/postgres/cursor.rs",
        find: "self.open.get(&transaction).copied().unwrap_or(self.reading)",
        replace: "self.reading",
        tests: STEPS,
    },
    Mutation {
        name: "the cursors of some tasks are taken for others",
        file: "pgq/src/postgres/cursor.rs",
        find: "let source = sources.find(|source| source.is_for(claim, tasks));",
        replace: "let source = sources.next();",
        tests: STEPS,
    },
    Mutation {
        name: "a claim of several groups looks above the highest of their cursors",
        file: "pgq/src/postgres/cursor.rs",
        find: "lowest[at].min(lanes[at])",
        replace: "lowest[at].max(lanes[at])",
        tests: &[
            "conformance::claim::postgres::a_claim_of_several_groups_takes_the_first_of_all_of_them",
        ],
    },
    Mutation {
        name: "earlier contracts are not known",
        file: "pgq/src/contract/lock.rs",
        find: "now.chain(old).collect()",
        replace: "{ drop(old); now.collect() }",
        tests: &["contract::worker::a_worker_runs_the_jobs_that_its_lock_file_says_it_can_read"],
    },
    Mutation {
        name: "the cursors outlive their connection",
        file: "pgq/src/postgres/claim.rs",
        find: "if session.is_new() || !self",
        replace: "if !self",
        tests: STEPS,
    },
    Mutation {
        name: "nothing is looked for a second time before a claim is empty",
        file: "pgq/src/postgres/claim.rs",
        find: "if found_none(&claimed) && claim.priority_max.is_none() {",
        replace: "if false {",
        tests: STEPS,
    },
    Mutation {
        name: "claims never sweep",
        file: "pgq/src/postgres/cursor.rs",
        find: "self.swept) >= SWEEP_INTERVAL {",
        replace: "self.swept) >= SWEEP_INTERVAL * 1000 {",
        tests: &["pgq::postgres::cursor::tests::now_and_then_everything_is_looked_at"],
    },
    Mutation {
        name: "promotions never sweep",
        file: "pgq/src/postgres/time_cursor.rs",
        find: "let pauses = self.sweep_at.is_some_and(|at| now < at);",
        replace: "let pauses = self.sweep_at.is_none_or(|at| now < at + PAUSE_MAX);",
        tests: &["stranded::no_late_transaction_keeps_a_due_job_from_promotion"],
    },
    // Wake-ups.
    Mutation {
        name: "an enqueuer always notifies",
        file: "migrations/0001_create_jobs.sql",
        find: "            then false\n        else pg_notify",
        replace: "            then pg_notify(channel, topic) is not null\n        else pg_notify",
        tests: &["wakeups::an_enqueue_notifies_only_while_somebody_is_parked"],
    },
    Mutation {
        name: "an enqueuer never notifies",
        file: "migrations/0001_create_jobs.sql",
        find: "        else pg_notify(channel, topic) is not null",
        replace: "        else false",
        tests: &[
            "conformance::listen::postgres::a_ready_job_wakes_with_the_name_of_its_queue",
            "run::wake::a_worker_that_has_waited_is_woken",
        ],
    },
    Mutation {
        name: "schemas share their locks",
        file: "migrations/0001_create_jobs.sql",
        find: "return hashtextextended(channel || ' ' || topic, 7366513 + place)",
        replace: "return hashtextextended(topic, 7366513 + place)",
        tests: &["wakeups::schemas_of_one_database_do_not_wake_each_other"],
    },
    Mutation {
        name: "a job that is due much later notifies",
        file: "pgq/src/postgres/sql/enqueue_scheduled.sql",
        find: "interval '2 seconds'",
        replace: "interval '2000 seconds'",
        tests: &["wakeups::a_delayed_job_notifies_only_if_it_is_due_soon"],
    },
    Mutation {
        name: "a worker waits although silent transactions are open",
        file: "pgq/src/postgres/listener.rs",
        find: "            false => Parked::Unsettled,",
        replace: "            false => Parked::Settled,",
        tests: &[
            "wakeups::a_topic_settles_when_the_last_silent_transaction_has_ended",
            "run::wake::a_transaction_that_was_told_that_nobody_waits_is_waited_for",
        ],
    },
    Mutation {
        name: "a listener believes itself parked after a reconnection",
        file: "pgq/src/postgres/listener.rs",
        find: "                self.parked.clear();\n",
        replace: "",
        tests: &[
            "wakeups::a_session_that_ends_is_parked_no_more",
            "run::wake::a_worker_whose_listening_session_was_cut_is_woken_again",
        ],
    },
    Mutation {
        name: "a worker without room stays parked",
        file: "pgq/src/worker/claimer.rs",
        find: "            parking.full(&Topic::Ready(queue));\n",
        replace: "            let _ = (&mut parking, queue);\n",
        tests: &["run::wake::a_worker_without_room_is_not_woken"],
    },
    Mutation {
        name: "a worker stays parked in a storm of wake-ups",
        file: "pgq/src/worker/parking.rs",
        find: "if spot.wanted && spot.stage != Stage::Searching && spot.storm",
        replace: "if false && spot.storm",
        tests: &["run::wake::a_flood_of_jobs_for_others_does_not_wake_one_by_one"],
    },
    Mutation {
        name: "a worker does not look once more after it has parked",
        file: "pgq/src/worker/parking.rs",
        find: "        // may make it wanted again.\n        spot.look_at = Some(now);\n",
        replace: "        // may make it wanted again.\n        let _ = now;\n",
        tests: &["pgq::worker::parking::tests::a_worker_looks_once_more_after_it_has_parked"],
    },
    Mutation {
        name: "jobs that others may give back count as none",
        file: "pgq/src/postgres/claim.rs",
        find: "if jobs.is_empty() && first_visible",
        replace: "if false && first_visible",
        tests: &["wakeups::a_claim_says_if_others_may_give_jobs_back"],
    },
    Mutation {
        name: "a worker parks in front of some enqueuers only",
        file: "pgq/src/postgres/sql/park.sql",
        find: "generate_series(0, 7)",
        replace: "generate_series(0, 6)",
        tests: &["wakeups::an_enqueuer_of_any_place_sees_who_is_parked"],
    },
    Mutation {
        name: "a worker goes on waiting in front of some enqueuers",
        file: "pgq/src/postgres/sql/unpark.sql",
        find: "generate_series(0, 7)",
        replace: "generate_series(0, 6)",
        tests: &["wakeups::an_enqueuer_of_any_place_sees_who_is_parked"],
    },
    // What a worker shares, and what outlives it.
    Mutation {
        name: "a queue at its limit keeps the slots of the others",
        file: "pgq/src/worker/board/source.rs",
        find: "self.most(other, now))",
        replace: "self.most(other, now).max(self.concurrency))",
        tests: &["run::weights::postgres::what_a_queue_at_its_limit_cannot_use_the_others_get"],
    },
    Mutation {
        name: "a call for many jobs is told to end with its first one",
        file: "pgq/src/task/batch/call.rs",
        find: "    for Waiting { vital, reply } in &mut *jobs {\n",
        replace: "    for Waiting { vital, reply } in jobs.iter_mut().take(1) {\n",
        tests: &["run::batch::a_job_that_was_lost_does_not_end_the_call_of_the_others"],
    },
    Mutation {
        name: "nobody watches a call for many jobs",
        file: "pgq/src/task/batch/call.rs",
        find: "context.pulse().must_end(ends_at);",
        replace: "let _ = ends_at;",
        tests: &["run::batch::a_call_that_holds_its_thread_past_its_time_limit_frees_its_slots"],
    },
    Mutation {
        name: "an attempt waits for the database when its worker is over",
        file: "pgq/src/worker/runner.rs",
        find: "= hub.until_over(completing).await else",
        replace: "= Some(completing.await) else",
        tests: &["run::outage::nothing_waits_for_the_database_when_the_worker_has_stopped"],
    },
    Mutation {
        name: "a log that is refused takes others with it",
        file: "pgq/src/worker/finisher.rs",
        find: "if let [bad] = &*batch {",
        replace: "if let Some(bad) = batch.first() {",
        tests: &["run::logs::a_log_that_cannot_be_stored_is_lost_alone"],
    },
    Mutation {
        name: "nobody listens for those who wait when a runtime has ended",
        file: "pgq/src/client/waiting.rs",
        find: "self.0.is_over.store(true, Ordering::Relaxed);",
        replace: "",
        tests: &["run::waiting::another_listens_when_the_runtime_of_the_first_who_waits_has_ended"],
    },
];
