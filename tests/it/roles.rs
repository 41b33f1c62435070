//! What each role of the schema may do, and what not.

use std::slice::from_ref;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pgq::driver::{
    Driver as _, DriverError, DriverErrorKind, Listing, Pausable, ScheduleDriver as _, Severity,
};
use pgq::postgres::{PostgresDriver, Schema};
use pgq::{
    EnqueueError, Job, JobHandle, JobId, JobState, Limited, NamedJob, Pgq, Registry, Retain,
    Retention, Run, Start,
};
use pgq_tests::database::TestDatabase;
use pgq_tests::drain::{DEADLINE, drain};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgPool};

#[pgq::task(
    register = false,
    name = "roles/greet",
    tags = ["greeting"],
    expires = "1h",
    unique(by = [name], conflict = "replace")
)]
async fn greet(name: String) -> anyhow::Result<String> {
    Ok(format!("hello, {name}"))
}

/// A schema of its own with its roles, which end with it: roles are of the whole server.
struct Roles {
    database: TestDatabase,
    schema: Schema,
}

impl Roles {
    async fn none() -> anyhow::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let database = TestDatabase::empty().await?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let schema = Schema::new(&format!("roles{}_{number}", std::process::id()))?;
        Ok(Self { database, schema })
    }

    async fn new() -> anyhow::Result<Self> {
        let roles = Self::none().await?;
        let pgq = roles.pgq(roles.database.pool())?;
        pgq.migrate().await?;
        pgq.make_roles().await?;
        Ok(roles)
    }

    /// The connections of a new user who has been granted a role.
    async fn user(&self, role: &str) -> anyhow::Result<PgPool> {
        let login = format!("create role pgq_jobs_{role}_login login in role pgq_jobs_{role}");
        self.run(self.database.pool(), &login).await?;
        self.connect(&format!("{role}_login"))
    }

    fn connect(&self, role: &str) -> anyhow::Result<PgPool> {
        let options: PgConnectOptions = self.database.url().parse()?;
        let user = format!("{}_{role}", self.schema);
        Ok(PgPool::connect_lazy_with(options.username(&user)))
    }

    fn pgq(&self, pool: &PgPool) -> pgq::Result<Pgq> {
        Pgq::from_pool(pool.clone()).schema(self.schema.as_str())
    }

    /// SQL whose `pgq_jobs` is this schema.
    async fn run(&self, pool: &PgPool, sql: &str) -> sqlx::Result<()> {
        let sql = sql.replace("pgq_jobs", self.schema.as_str());
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await?;
        Ok(())
    }

    fn worker(&self, pool: &PgPool) -> Run {
        Run::new(Registry::new())
            .task::<greet>()
            .schema(self.schema.as_str())
            .pool(pool.clone())
            .without_signals()
    }

    async fn drop(self) -> anyhow::Result<()> {
        let drop = r"
            do $$
            declare
                role text;
            begin
                for role in select rolname from pg_roles where rolname like 'pgq_jobs\_%' loop
                    execute format('drop owned by %I cascade', role);
                end loop;
                for role in select rolname from pg_roles where rolname like 'pgq_jobs\_%' loop
                    execute format('drop role %I', role);
                end loop;
            end
            $$";
        Ok(self.run(self.database.pool(), drop).await?)
    }
}

fn is_refused(outcome: &Result<(), DriverError>) -> bool {
    let refused = outcome.as_ref().err();
    refused.is_some_and(|error| error.kind() == DriverErrorKind::PermissionDenied)
}

fn is_denied(outcome: &sqlx::Result<()>) -> bool {
    let Err(sqlx::Error::Database(error)) = outcome else {
        return false;
    };
    error.code().as_deref() == Some("42501")
}

/// One job that waits, one that has failed, and whatever else can be asked of.
async fn jobs(roles: &Roles) -> anyhow::Result<(Job, Job)> {
    let pgq = roles.pgq(roles.database.pool())?;
    let cancelled = greet::job("bob".to_owned())
        .unique("bob")
        .enqueue(&pgq)
        .await?;
    cancelled.cancel(&pgq).await?;
    let ready = greet::job("ada".to_owned())
        .unique("ada")
        .enqueue(&pgq)
        .await?;
    Ok((ready.job(&pgq).await?, cancelled.job(&pgq).await?))
}

#[tokio::test]
async fn a_producer_enqueues_in_every_way() -> anyhow::Result<()> {
    let roles = Roles::new().await?;
    let work = || drain(roles.worker(roles.database.pool()));
    work().await?;
    let pool = roles.user("producer").await?;
    let pgq = roles.pgq(&pool)?;

    let first = greet::enqueue(&pgq, "ada".to_owned()).await?;
    let again = greet::enqueue(&pgq, "ada".to_owned()).await?;
    assert_eq!(again.id(), first.id());
    greet::job("x".repeat(100_000))
        .delay(Duration::from_millis(1))
        .enqueue(&pgq)
        .await?;
    greet::enqueue_many(&pgq, ["bob", "eve"].map(str::to_owned)).await?;
    NamedJob::new("roles/greet", &serde_json::json!({"name": "dan"}))
        .unique("dan")
        .enqueue(&pgq)
        .await?;
    let mut transaction = pool.begin().await?;
    greet::job("gus".to_owned())
        .enqueue(pgq.within(&mut *transaction))
        .await?;
    transaction.commit().await?;
    let call = "select pgq_jobs.enqueue('roles/greet', jsonb_build_object('name', 'sql'), tags => array ['a'],
        unique_key => 'sql', conflict => 'raise')";
    roles.run(&pool, call).await?;

    let mut completed = 0;
    let run = async {
        while completed < 7 {
            completed += work().await?.completed;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, run).await??;
    roles.drop().await
}

async fn assert_cannot_work(roles: &Roles, pool: &PgPool) -> anyhow::Result<()> {
    let Err(refused) = roles.worker(pool).until_idle().await else {
        anyhow::bail!("it works");
    };
    let refused = format!("{:#}", anyhow::Error::from(refused));
    assert!(refused.contains("lacks create on the schema"), "{refused}");
    Ok(())
}

type Outcomes = Vec<(&'static str, Result<(), DriverError>)>;

/// Whatever looks at jobs and the fleet.
async fn look(driver: &PostgresDriver, job: JobId) -> Outcomes {
    let of_state = |state| Listing::of(state, 10);
    vec![
        ("find", driver.find(job).await.map(drop)),
        ("input", driver.input(job).await.map(drop)),
        ("attempts", driver.attempts(job).await.map(drop)),
        ("logs", driver.logs(job).await.map(drop)),
        ("finished", driver.finished(&[job]).await.map(drop)),
        (
            "ready",
            driver.list(&of_state(JobState::Ready)).await.map(drop),
        ),
        (
            "scheduled",
            driver.list(&of_state(JobState::Scheduled)).await.map(drop),
        ),
        (
            "running",
            driver.list(&of_state(JobState::Running)).await.map(drop),
        ),
        (
            "failed",
            driver.list(&of_state(JobState::Failed)).await.map(drop),
        ),
        ("count", driver.count().await.map(drop)),
        ("workers", driver.workers().await.map(drop)),
        ("pauses", driver.pauses().await.map(drop)),
        ("limits", driver.limits().await.map(drop)),
        ("schedules", driver.list_schedules(None, 10).await.map(drop)),
    ]
}

/// Whatever changes jobs and the fleet, but enqueues nothing.
async fn change(driver: &PostgresDriver, ready: &Job, cancelled: &Job) -> Outcomes {
    let queue = Pausable::Queue("default".to_owned());
    let limited = Limited::Queue("default".to_owned());
    let (ready, cancelled) = (from_ref(ready), from_ref(cancelled));
    vec![
        ("cancel", driver.cancel(ready[0].id).await.map(drop)),
        ("requeue", driver.requeue(cancelled).await.map(drop)),
        ("delete", driver.delete(cancelled).await.map(drop)),
        (
            "reschedule",
            driver.reschedule(ready, Start::Now).await.map(drop),
        ),
        ("pause", driver.pause(&queue).await.map(drop)),
        ("resume", driver.resume(&queue).await.map(drop)),
        ("limit", driver.override_running(&limited, Some(1)).await),
        ("promote", driver.promote(10).await.map(drop)),
        (
            "pause a schedule",
            driver.pause_schedule("nightly", true).await.map(drop),
        ),
        (
            "trigger a schedule",
            driver.request_trigger("nightly").await.map(drop),
        ),
        (
            "delete a schedule",
            driver.delete_schedule("nightly").await.map(drop),
        ),
    ]
}

const CHANGES: &[&str] = &[
    "delete from pgq_jobs.ready",
    "update pgq_jobs.ready set priority = 9",
    "truncate pgq_jobs.ready",
    "insert into pgq_jobs.worker default values",
    "insert into pgq_jobs.unique_key default values",
    "select pgq_jobs.withdraw(1, 1)",
    "select pgq_jobs.cancel(1)",
    "select pgq_jobs.requeue(1)",
    "select pgq_jobs.pause('queue', 'default')",
    "select pgq_jobs.resume('queue', 'default')",
    "create table pgq_jobs.mine (a int)",
    "drop table pgq_jobs.ready",
];

#[tokio::test]
async fn a_producer_neither_looks_nor_changes() -> anyhow::Result<()> {
    let roles = Roles::new().await?;
    let (ready, cancelled) = jobs(&roles).await?;
    let pool = roles.user("producer").await?;
    let driver = PostgresDriver::with_schema(pool.clone(), &roles.schema);

    let mut outcomes = look(&driver, ready.id).await;
    outcomes.extend(change(&driver, &ready, &cancelled).await);
    for (what, outcome) in outcomes {
        assert!(is_refused(&outcome), "{what}: {outcome:?}");
    }
    let looks = [
        "select input from pgq_jobs.ready",
        "select task from pgq_jobs.finished",
        "select tags from pgq_jobs.detail",
        "select key from pgq_jobs.unique_key",
        "select 1 from pgq_jobs.job",
        "select pgq_jobs.find(1)",
    ];
    for statement in looks.iter().chain(CHANGES) {
        let outcome = roles.run(&pool, statement).await;
        assert!(is_denied(&outcome), "{statement}: {outcome:?}");
    }
    // That jobs wait is all that it sees of them.
    roles.run(&pool, "select id from pgq_jobs.ready").await?;
    assert_cannot_work(&roles, &pool).await?;
    roles.drop().await
}

#[tokio::test]
async fn a_reader_looks_and_changes_nothing() -> anyhow::Result<()> {
    let roles = Roles::new().await?;
    let (ready, cancelled) = jobs(&roles).await?;
    let pool = roles.user("reader").await?;
    let pgq = roles.pgq(&pool)?;
    let driver = PostgresDriver::with_schema(pool.clone(), &roles.schema);

    for (what, outcome) in look(&driver, ready.id).await {
        assert!(outcome.is_ok(), "{what}: {outcome:?}");
    }
    let seen = JobHandle::<String>::from_id(ready.id).job(&pgq).await?;
    assert_eq!((seen.id, seen.state), (ready.id, JobState::Ready));
    roles.run(&pool, "select pgq_jobs.find(1)").await?;

    for (what, outcome) in change(&driver, &ready, &cancelled).await {
        assert!(is_refused(&outcome), "{what}: {outcome:?}");
    }
    let enqueued = greet::job("eve".to_owned()).enqueue(&pgq).await;
    assert!(
        matches!(&enqueued, Err(EnqueueError::Driver { source, .. })
            if source.kind() == DriverErrorKind::PermissionDenied),
        "{enqueued:?}"
    );
    let take =
        "select pgq_jobs.take_keys(array [gen_random_uuid()], array [null::bigint], 'replace', 1)";
    let enqueue = "select pgq_jobs.enqueue('roles/greet', allow_unknown_task => true)";
    for statement in CHANGES.iter().chain([&take, &enqueue]) {
        let outcome = roles.run(&pool, statement).await;
        assert!(is_denied(&outcome), "{statement}: {outcome:?}");
    }
    assert_cannot_work(&roles, &pool).await?;
    roles.drop().await
}

#[tokio::test]
async fn a_worker_works_and_finds_nothing_missing() -> anyhow::Result<()> {
    let roles = Roles::new().await?;
    let (ready, cancelled) = jobs(&roles).await?;
    let pool = roles.user("worker").await?;
    let pgq = roles.pgq(&pool)?;

    let missing = pgq.check_health().await?;
    assert!(
        missing
            .iter()
            .all(|finding| finding.severity != Severity::Error),
        "{missing:?}"
    );
    let report = drain(roles.worker(&pool)).await?;
    assert_eq!(report.completed, 1);
    assert_eq!(
        JobHandle::<String>::from_id(ready.id).wait(&pgq).await?,
        "hello, ada"
    );
    let driver = PostgresDriver::with_schema(pool.clone(), &roles.schema);
    for (what, outcome) in change(&driver, &ready, &cancelled).await {
        assert!(outcome.is_ok(), "{what}: {outcome:?}");
    }
    driver.maintain_history(&[Retain::DEFAULT]).await?;
    // Of what it does not own it sees nothing.
    sqlx::raw_sql("create table secret (a int)")
        .execute(roles.database.pool())
        .await?;
    assert!(is_denied(&roles.run(&pool, "select a from secret").await));
    roles.drop().await
}

#[tokio::test]
async fn what_a_member_migrates_is_the_owners() -> anyhow::Result<()> {
    let roles = Roles::new().await?;
    let remade =
        "drop schema pgq_jobs cascade; create schema pgq_jobs authorization pgq_jobs_owner";
    roles.run(roles.database.pool(), remade).await?;
    let pool = roles.user("worker").await?;

    roles.pgq(&pool)?.migrate().await?;

    let owners: Vec<String> = sqlx::query_scalar(
        "select distinct pg_get_userbyid(relowner)::text from pg_class
         where relnamespace = to_regnamespace($1)
         union
         select distinct pg_get_userbyid(proowner)::text from pg_proc
         where pronamespace = to_regnamespace($1)",
    )
    .bind(roles.schema.as_str())
    .fetch_all(roles.database.pool())
    .await?;
    assert_eq!(owners, [format!("{}_owner", roles.schema)]);
    // To make the roles again brings their rights back.
    roles.pgq(roles.database.pool())?.make_roles().await?;
    let producer = roles.pgq(&roles.user("producer").await?)?;
    greet::enqueue(&producer, "ada".to_owned()).await?;
    roles.drop().await
}

/// Who may create roles need be no superuser.
#[tokio::test]
async fn the_owner_of_the_schema_makes_roles() -> anyhow::Result<()> {
    let roles = Roles::none().await?;
    let name = roles.database.name().to_owned();
    let admin = format!(
        "create role pgq_jobs_admin login createrole; grant create on database \"{name}\" to pgq_jobs_admin"
    );
    roles.run(roles.database.pool(), &admin).await?;
    let pgq = roles.pgq(&roles.connect("admin")?)?;

    pgq.migrate().await?;
    pgq.make_roles().await?;
    // To do it again changes nothing.
    pgq.make_roles().await?;

    let producer = roles.pgq(&roles.user("producer").await?)?;
    greet::enqueue(&producer, "ada".to_owned()).await?;
    let worker = roles.user("worker").await?;
    let report = drain(roles.worker(&worker)).await?;
    assert_eq!(report.completed, 1);
    roles.drop().await
}

#[tokio::test]
async fn who_had_the_tables_goes_on() -> anyhow::Result<()> {
    let roles = Roles::none().await?;
    let shop =
        "create role pgq_jobs_shop login; create schema pgq_jobs authorization pgq_jobs_shop";
    roles.run(roles.database.pool(), shop).await?;
    let shop = roles.connect("shop")?;
    roles.pgq(&shop)?.migrate().await?;

    roles.pgq(roles.database.pool())?.make_roles().await?;

    greet::enqueue(&roles.pgq(&shop)?, "ada".to_owned()).await?;
    let report = drain(roles.worker(&shop)).await?;
    assert_eq!(report.completed, 1);
    roles.drop().await
}

/// Since version 16 a member may use what is of the owner, and not give anything to it.
#[tokio::test]
async fn a_member_who_cannot_become_the_owner_works() -> anyhow::Result<()> {
    let roles = Roles::new().await?;
    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(roles.database.pool())
        .await?;
    let option = if version < 160_000 {
        ""
    } else {
        "with set false"
    };
    let shop =
        format!("create role pgq_jobs_shop login; grant pgq_jobs_owner to pgq_jobs_shop {option}");
    roles.run(roles.database.pool(), &shop).await?;
    let shop = roles.connect("shop")?;
    let driver = PostgresDriver::with_schema(shop.clone(), &roles.schema);

    roles.pgq(&shop)?.migrate().await?;
    // Partitions of times that nobody has asked for yet.
    let mut rare = Retain::DEFAULT;
    rare.completed = Retention::YEAR;
    driver.prepare_history(&[rare]).await?;

    greet::enqueue(&roles.pgq(&shop)?, "ada".to_owned()).await?;
    let report = drain(roles.worker(&shop)).await?;
    assert_eq!(report.completed, 1);
    roles.drop().await
}

#[tokio::test]
async fn a_schema_that_others_use_is_left_alone() -> anyhow::Result<()> {
    let roles = Roles::new().await?;
    let pgq = roles.pgq(roles.database.pool())?;
    let taken = "create table pgq_jobs.invoice (a int)";
    roles.run(roles.database.pool(), taken).await?;

    let refused = pgq.make_roles().await;

    let refused = said(refused);
    assert!(
        refused.contains("has what is not pgq's: invoice") && refused.contains("move it"),
        "{refused}"
    );
    let gone = "drop table pgq_jobs.invoice";
    roles.run(roles.database.pool(), gone).await?;
    // A user of the name of a role is not taken for the role.
    roles
        .run(roles.database.pool(), "alter role pgq_jobs_reader login")
        .await?;
    let refused = said(pgq.make_roles().await);
    assert!(
        refused.contains("there is a user") && refused.contains("rename it"),
        "{refused}"
    );
    roles.drop().await
}

fn said(outcome: pgq::Result<()>) -> String {
    match outcome {
        Ok(()) => "it is done".to_owned(),
        Err(error) => format!("{:#}", anyhow::Error::from(error)),
    }
}
