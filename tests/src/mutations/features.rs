//! The mistakes in what only some jobs and tasks have.

use super::Mutation;

/// Every such mistake that is tried.
pub const FEATURES: &[Mutation] = &[
    // Poolers.
    Mutation {
        name: "what goes through an application's pool is in no transaction",
        file: "pgq/src/postgres/pool.rs",
        find: "Exchange::begin(self.led(), self.whose != Whose::Own).await",
        replace: "Exchange::begin(self.led(), false).await",
        tests: &["clients::pooler::clients_that_share_a_session_get_what_they_ask_for"],
    },
    Mutation {
        name: "an enqueue through a pooler is in no transaction",
        file: "pgq/src/postgres/pool.rs",
        find: "Exchange::begin(self.led(), self.is_pooled()).await;",
        replace: "Exchange::begin(self.led(), false).await;",
        tests: &["clients::pooler::clients_that_share_a_session_get_what_they_ask_for"],
    },
    Mutation {
        name: "a statement takes jobs of another schema",
        file: "pgq/src/postgres/sql/enqueue_ready.sql",
        find: "    where $7 = btrim('pgq_jobs.', '\".')\n",
        replace: "",
        tests: &["clients::pooler::a_statement_of_another_schema_takes_no_jobs"],
    },
    // Wake-ups.
    Mutation {
        name: "an enqueue of one job wakes nobody",
        file: "pgq/src/postgres/sql/enqueue_one.sql",
        find: "returning id, pgq_jobs.wake($6, 'ready ' || $2)",
        replace: "returning id",
        tests: &[
            "wakeups::an_enqueue_notifies_only_while_somebody_is_parked",
            "run::wake::a_worker_that_has_waited_is_woken",
        ],
    },
    Mutation {
        name: "an enqueue of many jobs wakes nobody",
        file: "pgq/src/postgres/sql/enqueue_ready.sql",
        find: "select pgq_jobs.wake($7, 'ready ' || $3)",
        replace: "select $3 = ''",
        tests: &["wakeups::an_enqueue_notifies_only_while_somebody_is_parked"],
    },
    Mutation {
        name: "the statement for one job takes those of another schema",
        file: "pgq/src/postgres/sql/enqueue_one.sql",
        find: "\n    where $6 = btrim('pgq_jobs.', '\".')",
        replace: "",
        tests: &["clients::pooler::a_statement_of_another_schema_takes_no_jobs"],
    },
    // Dropped calls.
    Mutation {
        name: "a call that is dropped leaves the transaction that it has begun",
        file: "pgq/src/postgres/begin.rs",
        find: "if self.is_open {",
        replace: "if false {",
        tests: &[
            "reconnect::dropped::a_dropped_look_leaves_no_transaction_on_the_pool",
            "reconnect::dropped::a_dropped_change_leaves_no_transaction_on_the_pool",
            "reconnect::dropped::a_dropped_enqueue_leaves_no_transaction_on_the_pool",
            "reconnect::dropped::a_dropped_enqueue_leaves_no_transaction_on_a_connection",
        ],
    },
    Mutation {
        name: "a task that gives up leaves the transaction that it has begun",
        file: "pgq/src/postgres/transaction.rs",
        find: "let begun = begin(&self.pool).await;",
        replace: "let begun = self.pool.begin().await;",
        tests: &[
            "reconnect::dropped::a_task_that_gives_up_its_transaction_leaves_none_on_the_pool",
        ],
    },
    // Versions.
    Mutation {
        name: "a worker goes on in a schema that does not admit it",
        file: "pgq/src/postgres/control.rs",
        find: "if oldest > NEWEST {",
        replace: "if oldest > i32::MAX {",
        tests: &["run::versions::a_worker_ends_once_a_migration_does_not_admit_it_any_more"],
    },
    // Options of tasks.
    Mutation {
        name: "a worker does not claim the jobs of an alias",
        file: "pgq/src/task/registry.rs",
        find: "self.tasks.keys().chain(self.aliases.keys()).copied()",
        replace: "self.tasks.keys().copied()",
        tests: &[
            "run::options::rows_of_an_old_name_are_run_by_the_renamed_task",
            "run::options::the_harness_runs_rows_of_an_old_name_too",
        ],
    },
    Mutation {
        name: "an enqueue ignores the delay of its task",
        file: "pgq/src/client/builder.rs",
        find: "start: start_after(task.delay),",
        replace: "start: Start::Now,",
        tests: &[
            "run::options::the_delay_of_a_task_holds_unless_its_enqueuer_says_otherwise",
            "run::options::the_harness_keeps_the_delay_of_a_task",
        ],
    },
    // Order, and schedules.
    Mutation {
        name: "the lowest priority goes first",
        file: "pgq/src/postgres/sql/claim_jobs.sql",
        find: "generate_series(9, 0, -1)",
        replace: "generate_series(0, 9)",
        tests: &[
            "conformance::claim::postgres::the_highest_priority_is_claimed_first_then_the_oldest",
        ],
    },
    Mutation {
        name: "a tick does not compare the last one",
        file: "pgq/src/postgres/sql/tick.sql",
        find: "              and schedule.last_tick = given.previous\n",
        replace: "",
        tests: &[
            "conformance::schedule::postgres::a_later_tick_of_a_caller_that_is_behind_enqueues_nothing",
        ],
    },
    Mutation {
        name: "a paused schedule ticks",
        file: "pgq/src/postgres/sql/tick.sql",
        find: "              and schedule.paused_at is null\n",
        replace: "",
        tests: &["conformance::made::postgres::a_paused_schedule_does_not_tick"],
    },
    Mutation {
        name: "a schedule ticks as it was before an edit",
        file: "pgq/src/postgres/sql/edit_schedule.sql",
        find: "        digest = numbered.revision,\n",
        replace: "",
        tests: &["conformance::made::postgres::what_was_read_before_an_edit_does_not_tick"],
    },
    Mutation {
        name: "an edited schedule makes up for times that it did not have",
        file: "pgq/src/postgres/sql/edit_schedule.sql",
        find: "then greatest(schedule.last_tick, $6)",
        replace: "then schedule.last_tick",
        tests: &[
            "conformance::made::postgres::an_edit_begins_anew_if_the_times_change",
            "run::made::an_edit_fires_neither_twice_nor_for_the_past",
        ],
    },
    Mutation {
        name: "a tick leaves the job before it running",
        file: "pgq/src/postgres/schedule/tick.rs",
        find: "&& last != job",
        replace: "&& last == job",
        tests: &["conformance::overlap::postgres::a_job_that_runs_is_cancelled_by_the_next_tick"],
    },
    Mutation {
        name: "a tick forgets the large input of its schedule",
        file: "pgq/src/postgres/sql/tick.sql",
        find: "case when given.input is null then schedule.input end as stored",
        replace: "null::bytea as stored",
        tests: &["conformance::stored::postgres::a_tick_takes_the_input_that_is_stored"],
    },
    Mutation {
        name: "a job is not unique if its schedule does not say so",
        file: "pgq/src/task/known.rs",
        find: "if template.job.key.is_none() {",
        replace: "if false {",
        tests: &["run::unsaid::a_job_is_as_its_task_says_where_the_schedule_says_nothing"],
    },
    Mutation {
        name: "a schedule with another end goes on from its last tick",
        file: "pgq/src/driver/schedule.rs",
        find: "time(self.ends_at).as_bytes()",
        replace: "time(None).as_bytes()",
        tests: &["conformance::declare::postgres::a_schedule_whose_dates_changed_begins_anew"],
    },
    Mutation {
        name: "a tick does not look for the running job before it",
        file: "pgq/src/postgres/sql/tick.sql",
        find: "running.id = due.watched",
        replace: "running.id = 0",
        tests: &[
            "conformance::overlap::postgres::a_tick_is_skipped_until_the_job_before_it_is_finished",
            "conformance::overlap::postgres::a_tick_waits_until_the_job_before_it_is_finished",
        ],
    },
    // Parameters, and tasks that block.
    Mutation {
        name: "an error quotes a secret",
        file: "pgq/src/private.rs",
        find: "            Err(error) if self.is_secret => Err(error.of_secret()),\n",
        replace: "",
        tests: &["run::parameters::memory::a_secret_that_does_not_decode_is_in_no_error"],
    },
    Mutation {
        name: "a default replaces what is there",
        file: "pgq/src/private.rs",
        find: "if self.has_default && !reader.has(self.name) {",
        replace: "if self.has_default {",
        tests: &["run::parameters::memory::a_value_that_is_there_is_not_replaced"],
    },
    Mutation {
        name: "a key of a map that is a number is no field of a struct",
        file: "pgq/src/decode/slot.rs",
        find: "            Self::I8(value) => Name::Signed((*value).into()),\n",
        replace: "",
        tests: &["pgq::decode::tests::the_fields_of_a_struct_may_be_keys_that_are_no_text"],
    },
    Mutation {
        name: "what JSON calls null has another name in its errors",
        file: "pgq/src/decode/fault.rs",
        find: "            Unexpected::Unit => Self::Unit,\n",
        replace: "",
        tests: &["pgq::decode::tests::wrong_json_is_refused_in_the_words_of_the_format"],
    },
    Mutation {
        name: "a task that blocks is not told that its attempt has ended",
        file: "pgq/src/task/blocking.rs",
        find: "context.cancel().fire(CancelReason::LeaseLost);",
        replace: "drop(context);",
        tests: &[
            "run::blocking::memory::a_time_limit_frees_the_slot_and_drops_what_comes_too_late",
        ],
    },
    Mutation {
        name: "a task that blocks has a thread of the runtime's pool",
        file: "pgq/src/task/blocking.rs",
        find: "    let detached = thread.spawn(move || {\n        contain(run);\n",
        replace: "    let detached = thread.spawn(move || {\n        drop(runtime.spawn_blocking(|| contain(run)));\n",
        tests: &["run::blocking::a_process_ends_while_a_plain_fn_runs"],
    },
    // Limits.
    Mutation {
        name: "permits are given beside those that others have",
        file: "pgq/src/limit/allot.rs",
        find: "    wants.min(free).min(even.max(1))\n",
        replace: "    let _ = free;\n    wants.min(even.max(1))\n",
        tests: &[
            "conformance::limit::postgres::workers_together_have_no_more_permits_than_the_limit",
        ],
    },
    Mutation {
        name: "an older call changes the permits of a newer one",
        file: "pgq/src/postgres/sql/keep_permits.sql",
        find: "  and allotment.version < $2;",
        replace: "  and $2 is not null;",
        tests: &[
            "conformance::limit::postgres::an_older_call_does_not_change_the_permits_of_a_newer_one",
        ],
    },
    Mutation {
        name: "a worker that is gone keeps its permits",
        file: "pgq/src/postgres/sql/rescue_jobs.sql",
        find: "    where worker in (select id from dead)\n",
        replace: "    where false\n",
        tests: &["conformance::limit::postgres::the_permits_of_a_worker_that_is_gone_are_free"],
    },
    Mutation {
        name: "a worker starts jobs under a limit without permits",
        file: "pgq/src/worker/board/next.rs",
        find: "if self.permitted(&self.lines[at].sources[source]) == 0 {",
        replace: "if self.permitted(&self.lines[at].sources[source]) == usize::MAX - 1 {",
        tests: &["limits::at_once::no_more_jobs_of_a_task_run_than_its_limit_in_all_workers"],
    },
    Mutation {
        name: "a key that keeps an order is free while its job waits for another attempt",
        file: "pgq/src/postgres/sql/stale_keys.sql",
        find: "              where scheduled.id = looked.job\n",
        replace: "              where scheduled.id = looked.job and false\n",
        tests: &["conformance::keys::postgres::a_job_keeps_its_order_key_through_its_attempts"],
    },
    Mutation {
        name: "a permit of a key goes although jobs wait for it",
        file: "pgq/src/limit/serve.rs",
        find: "        others.skip(self.left(started, max)).copied().collect()\n",
        replace: "        others.copied().collect()\n",
        tests: &[
            "conformance::waiting_keys::postgres::what_has_ended_is_kept_in_mind_where_there_is_no_room",
        ],
    },
    Mutation {
        name: "a job takes no token of its key",
        file: "pgq/src/postgres/keys.rs",
        find: ".for_each(|key| buckets.take(key));\n",
        replace: ".for_each(drop);\n",
        tests: &["conformance::key_rates::postgres::tokens_are_taken_in_all_workers_together"],
    },
    Mutation {
        name: "who waits for a token holds a permit",
        file: "pgq/src/limit/admit.rs",
        find: "            admission.give_permit_back(keys, served);\n",
        replace: "",
        tests: &["conformance::key_rates::postgres::who_waits_for_a_token_holds_no_permit"],
    },
    Mutation {
        name: "the turn of a key is not looked at again when its rate may have been raised",
        file: "pgq/src/postgres/turns.rs",
        find: ".bind(keys.all.then_some(sweep.turn))\n",
        replace: ".bind(None::<i64>)\n",
        tests: &[
            "conformance::key_rates::postgres::a_rate_that_was_raised_counts_for_those_who_wait",
        ],
    },
    Mutation {
        name: "who frees a key waits for rows that others have locked",
        file: "pgq/src/postgres/sql/claim_aside.sql",
        find: "            limit 1\n            for update skip locked\n        ) as waiting\n",
        replace: "            limit 1\n        ) as waiting\n",
        tests: &[
            "limits::replaced::an_open_transaction_over_the_job_next_for_a_key_holds_up_that_key_alone",
        ],
    },
    Mutation {
        name: "a worker knows only the keys that are stored",
        file: "pgq/src/worker/board/pause.rs",
        find: "let Some(own) = key_limit(task.options) else {",
        replace: "let Some(own) = key_limit(task.options).filter(|_| stored.is_some()) else {",
        tests: &["limits::builds::an_old_build_that_starts_again_takes_no_order_from_new_ones"],
    },
    // What only some jobs have.
    Mutation {
        name: "a completion keeps the key of its job",
        file: "pgq/src/postgres/sql/complete_jobs.sql",
        find: "where marks & 2 <> 0",
        replace: "where false",
        tests: &["conformance::unique::postgres::a_key_is_free_once_its_job_has_ended"],
    },
    Mutation {
        name: "who meets a key locks it",
        file: "migrations/0001_create_jobs.sql",
        find: "on conflict (key) do nothing",
        replace: "on conflict (key) do update set job = unique_key.job where false",
        tests: &["run::unique::a_completion_does_not_wait_for_those_who_met_its_job"],
    },
    Mutation {
        name: "a batch that is refused keeps the keys that it took",
        file: "migrations/0001_create_jobs.sql",
        find: "delete from pgq_jobs.unique_key as held where held.key = any (taken);",
        replace: "null;",
        tests: &[
            "conformance::unique::postgres::of_refused_jobs_none_is_added_and_no_key_is_taken",
        ],
    },
    Mutation {
        name: "a job that was started expires",
        file: "pgq/src/postgres/sql/end_jobs.sql",
        find: "else (taken.marks & ~(8 | 256)::smallint) | 16::smallint",
        replace: "else taken.marks",
        tests: &[
            "conformance::expire::postgres::an_attempt_that_has_begun_ends_the_time_to_expire",
        ],
    },
    Mutation {
        name: "the input of a job is what stands for it in its row",
        file: "pgq/src/postgres/sql/find_input.sql",
        find: r"when substr(found.input, 1, 1) = '\xff'",
        replace: "when false",
        tests: &["conformance::inputs::postgres::the_input_of_a_job_is_found_in_every_state"],
    },
    // The command line.
    Mutation {
        name: "a command without a filter changes every job",
        file: "pgq-cli/src/commands/jobs/change.rs",
        find: "if !self.all && !self.filter.is_said() {",
        replace: "if false {",
        tests: &["cli::change::nothing_is_changed_that_was_not_named"],
    },
    Mutation {
        name: "an input is shown to who did not ask for it",
        file: "pgq-cli/src/commands/jobs/show.rs",
        find: "let input = match self.input {",
        replace: "let input = match true {",
        tests: &["cli::jobs::an_input_is_shown_only_to_who_asks_for_it"],
    },
    // Contracts.
    Mutation {
        name: "a worker with contracts claims any input",
        file: "pgq/src/worker/claimer.rs",
        find: "fingerprints: self.hub.setup.fingerprints.clone(),",
        replace: "fingerprints: None,",
        tests: &["contract::worker::a_worker_leaves_the_jobs_of_other_contracts_alone_at_no_cost"],
    },
    Mutation {
        name: "new partitions of an unlogged schema are logged",
        file: "pgq/src/postgres/history/make.rs",
        find: "if is_unlogged { \"unlogged\" } else { \"\" }",
        replace: "if is_unlogged { \"\" } else { \"\" }",
        tests: &["durability::unlogged::a_crash_empties_an_unlogged_schema_and_work_goes_on"],
    },
    Mutation {
        name: "an end is relaxed if one of those beside it is",
        file: "pgq/src/postgres/finish.rs",
        find: "completions.iter().all(|done| done.durability.is_relaxed())",
        replace: "completions.iter().any(|done| done.durability.is_relaxed())",
        tests: &["commits::relaxed_ends_wait_for_the_disk_with_a_durable_one"],
    },
    Mutation {
        name: "a relaxed enqueue relaxes the transaction that it is in",
        file: "pgq/src/postgres/enqueue.rs",
        find: "    request.durability = Durability::Durable;\n",
        replace: "    request.durability = request.durability;\n",
        tests: &["durability::relaxed::a_transaction_of_somebody_elses_stays_as_durable_as_it_is"],
    },
    // Connections.
    Mutation {
        name: "a connection that was given up is waited for without a limit",
        file: "pgq/src/postgres/servers/hooks.rs",
        find: "    tokio::time::timeout(ANSWER_MAX, connection.ping())",
        replace: "    tokio::time::timeout(Duration::MAX, connection.ping())",
        tests: &["reconnect::silence::a_producer_whose_calls_were_given_up_goes_on"],
    },
    Mutation {
        name: "a term ends no call",
        file: "pgq/src/postgres/servers/mod.rs",
        find: "chosen.wait_for(|chosen| chosen.term != term)",
        replace: "chosen.wait_for(|_| false)",
        tests: &["pgq::postgres::servers::tests::a_call_ends_soon_after_its_term"],
    },
    Mutation {
        name: "the server goes on with what nobody waits for",
        file: "pgq/src/postgres/connect.rs",
        find: "'client_connection_check_interval', '2s'",
        replace: "'client_connection_check_interval', '0'",
        tests: &["reconnect::left::a_worker_that_is_dropped_leaves_no_statement_on_the_server"],
    },
    Mutation {
        name: "a standby is as good as the primary",
        file: "pgq/src/postgres/servers/follow.rs",
        find: "select pg_is_in_recovery() or",
        replace: "select false and",
        tests: &[
            "reconnect::failover::producers_and_workers_go_on_with_the_standby_that_takes_over",
            "reconnect::failover::a_url_of_which_no_server_can_be_used_says_why_of_each",
        ],
    },
];
