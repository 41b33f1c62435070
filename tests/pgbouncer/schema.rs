//! Migrations, roles and first connections, through whatever pooler.

use std::process::Command;

use pgq::driver::{DriverError, DriverErrorKind};
use pgq::{Error, Pgq, Registry, Run};
use pgq_tests::database::TestDatabase;
use pgq_tests::drain::DEADLINE;

use super::bouncer::{Bouncer, Config};
use super::{assert_no_session_is_marked, note, pool};

/// How often each call is made.
const CALLS: usize = 5;

fn refused<T: std::fmt::Debug>(result: pgq::Result<T>) -> anyhow::Result<DriverError> {
    match result {
        Err(Error::Driver(error)) => Ok(error),
        other => anyhow::bail!("not refused: {other:?}"),
    }
}

async fn has_schema(database: &TestDatabase) -> anyhow::Result<bool> {
    Ok(
        sqlx::query_scalar("select to_regnamespace('pgq_jobs') is not null")
            .fetch_one(database.pool())
            .await?,
    )
}

#[tokio::test]
async fn transaction_mode_migrates_nothing_and_says_what_does() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let bouncer = Bouncer::start(&database, Config::TRANSACTION)?;
    let pgq = Pgq::from_pool(pool(&bouncer.options()?, 2)).through_pooler();

    for _ in 0..CALLS {
        for error in [
            refused(pgq.migrate().await)?,
            refused(pgq.make_roles().await)?,
        ] {
            let said = error.to_string();
            assert!(said.starts_with("shared-session: "), "{said}");
            assert!(said.contains("`direct_url`"), "{said}");
        }
    }

    assert!(!has_schema(&database).await?);
    assert_no_session_is_marked(&database, &bouncer).await?;
    pgq.direct_url(database.url())?.migrate().await?;
    assert!(has_schema(&database).await?);
    assert_no_session_is_marked(&database, &bouncer).await
}

#[tokio::test]
async fn the_command_migrates_by_its_direct_url() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let bouncer = Bouncer::start(&database, Config::TRANSACTION)?;
    let migrate = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgq_command"));
        command.args(["migrate", "--database-url", &bouncer.url()]);
        command.env_remove("DIRECT_DATABASE_URL");
        command
    };

    let refused = migrate().output()?;
    let by_option = migrate().args(["--direct-url", database.url()]).output()?;
    let from_env = migrate()
        .env("DIRECT_DATABASE_URL", database.url())
        .output()?;

    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("`--direct-url`"), "{said}");
    for done in [by_option, from_env] {
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
    }
    assert!(has_schema(&database).await?);
    assert_no_session_is_marked(&database, &bouncer).await
}

#[tokio::test]
async fn session_mode_migrates() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let bouncer = Bouncer::start(&database, Config::SESSION)?;
    let pgq = Pgq::from_pool(pool(&bouncer.options()?, 2));

    for _ in 0..CALLS {
        pgq.migrate().await?;
    }

    assert!(has_schema(&database).await?);
    let job = note::enqueue(&pgq, "text".to_owned()).await?;
    assert_eq!(job.job(&pgq).await?.task, "note");
    Ok(())
}

#[tokio::test]
async fn a_pooler_of_defaults_is_told_what_to_set() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let setting = "`ignore_startup_parameters = extra_float_digits,options`";
    for mode in [Config::TRANSACTION, Config::SESSION] {
        // What sqlx sends is refused.
        let none = Bouncer::start(
            &database,
            Config {
                ignored: "",
                ..mode
            },
        )?;
        let error = refused(Pgq::connect(&none.url()).await)?;
        assert_eq!(error.kind(), DriverErrorKind::Configuration);
        assert!(error.to_string().contains(setting), "{error}");

        // What sqlx sends is not, which is enough to enqueue and to look.
        let ignored = "extra_float_digits";
        let some = Bouncer::start(&database, Config { ignored, ..mode })?;
        let pgq = Pgq::connect(&some.url()).await?.through_pooler();
        let job = note::enqueue(&pgq, "text".to_owned()).await?;
        assert_eq!(job.job(&pgq).await?.task, "note");
        let worker = Run::new(Registry::new().with::<note>()).url(some.url());
        let error = refused(worker.without_signals().once().deadline(DEADLINE).await)?;
        assert_eq!(error.kind(), DriverErrorKind::Configuration);
        assert!(error.to_string().contains(setting), "{error}");
        let error = refused(pgq.migrate().await)?;
        assert!(error.to_string().contains(setting), "{error}");
    }
    Ok(())
}
