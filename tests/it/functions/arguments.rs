//! Arguments that cannot be.

use super::{charge, database_of, refused, value};

/// Arguments behind the name of the task, and what is said of them.
const WRONG: &[(&str, &str)] = &[
    (
        "'[1]'",
        "the input [1] is not an object of parameters by their names",
    ),
    ("null", "an input is null"),
    ("'{}', queue => ''", "'' cannot be the name of a queue"),
    (
        "'{}', queue => 'a b'",
        "'a b' cannot be the name of a queue",
    ),
    (
        "'{}', queue => repeat('a', 101)",
        "cannot be the name of a queue",
    ),
    ("'{}', priority => 10", "the priority 10 is not from 0 to 9"),
    ("'{}', priority => -1", "the priority -1 is not from 0 to 9"),
    (
        "'{}', max_attempts => 0",
        "the number of attempts 0 is not from 1 to 1000",
    ),
    (
        "'{}', delay => '-1s'",
        "is not from zero to a hundred years",
    ),
    (
        "'{}', delay => '200 years'",
        "is not from zero to a hundred years",
    ),
    (
        "'{}', delay => '1s', run_at => now()",
        "a job has either a `run_at` or a `delay`",
    ),
    (
        "'{}', run_at => 'infinity'",
        "`run_at` infinity is not a time of the next hundred years",
    ),
    (
        "'{}', expires_in => '0'",
        "the time to expire 00:00:00 is not above zero",
    ),
    (
        "'{}', expires_in => '1s', delay => '2s'",
        "a job must expire after its delay",
    ),
    ("'{}', tags => array ['a b']", "'a b' cannot be a tag"),
    ("'{}', tags => array [null]", "NULL cannot be a tag"),
    (
        "'{}', tags => array(select 't' || n from generate_series(1, 16) as n)",
        "a job has at most 16 tags",
    ),
    ("'{}', headers => '[]'", "the headers are not an object"),
    (
        r#"'{}', headers => '{"a": 1}'"#,
        "the header 'a' is not a text",
    ),
    (
        r#"'{}', headers => '{"a b": "c"}'"#,
        "'a b' cannot be the name of a header",
    ),
    (
        "jsonb_build_object('customer', repeat('a', 300000))",
        "bytes, but between 1 and 204800 are allowed",
    ),
    (
        "'{}', unique_within => '1h'",
        "only a job with a unique key",
    ),
    (
        "'{}', unique_key => 'a', unique_within => '0'",
        "the time to be unique 00:00:00 is not",
    ),
    (
        "'{}', unique_key => 'a', conflict => 'ignore'",
        "the conflict 'ignore' is not one of",
    ),
];

#[tokio::test]
async fn each_wrong_argument_is_named() -> anyhow::Result<()> {
    let database = database_of::<charge>().await?;
    let pool = database.pool();

    for (arguments, said) in WRONG {
        let call = format!("pgq_jobs.enqueue('functions/charge', {arguments})");
        let (code, message) = refused(pool, &call).await?;
        assert!(
            code == "PGQ03" && message.contains(said),
            "{call}: {code} {message}"
        );
    }
    let calls = [
        "pgq_jobs.enqueue(null)",
        "pgq_jobs.enqueue('')",
        "pgq_jobs.enqueue_inputs('functions/charge', null)",
        "pgq_jobs.enqueue_many('functions/charge', null)",
        "pgq_jobs.enqueue('functions/charge', delay => '400000 years')",
        "pgq_jobs.enqueue('functions/charge', delay => '-400000 years')",
        "pgq_jobs.enqueue('functions/charge', expires_in => '400000 years')",
        "pgq_jobs.enqueue('functions/charge', unique_key => 'a', unique_within => '400000 years')",
        r"pgq_jobs.enqueue_inputs('functions/charge', array ['\x'::bytea])",
        r"pgq_jobs.enqueue_inputs('functions/charge', array ['\x03'::bytea])",
        r"pgq_jobs.enqueue_inputs('functions/charge', array ['\x0180'::bytea], unique_keys => array ['a', 'b'])",
        "pgq_jobs.pause('schedule', 'a')",
        "pgq_jobs.pause('queue', '')",
        "pgq_jobs.resume('', 'a')",
    ];
    for call in calls {
        let (code, message) = refused(pool, call).await?;
        assert_eq!(code, "PGQ03", "{call}: {message}");
    }
    assert_eq!(value::<i64>(pool, "count(*) from pgq_jobs.job").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_name_may_have_letters_of_any_language() -> anyhow::Result<()> {
    let database = database_of::<charge>().await?;

    for (name, is_name) in [
        ("gr\u{f6}\u{df}e/\u{65e5}\u{672c}.1", true),
        ("\u{441}\u{447}\u{451}\u{442}", true),
        ("a\u{a0}b", false),
        ("a\u{85}", false),
        ("a\u{200b}b", false),
        ("\u{1f600}", false),
        ("a\nb", false),
        ("", false),
    ] {
        let said: bool = sqlx::query_scalar("select pgq_jobs.is_name($1)")
            .bind(name)
            .fetch_one(database.pool())
            .await?;
        assert_eq!(said, is_name, "{name:?}");
    }
    Ok(())
}
