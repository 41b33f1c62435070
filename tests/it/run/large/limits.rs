//! How large inputs may be.

use pgq::{EnqueueError, INPUT_MAX, Pgq};
use pgq_tests::database::TestDatabase;

use super::super::count;
use super::{MIB, measure, pass, text, weigh};

#[tokio::test]
async fn inputs_above_a_limit_are_refused_before_anything_is_sent() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let small = Pgq::from_pool(pool.clone()).input_max(10);
    let huge = Pgq::from_pool(pool.clone()).input_max(usize::MAX);
    let mut transaction = pool.begin().await?;
    let largest = text(INPUT_MAX);

    let by_task = weigh::enqueue(&mut transaction, text(20 * MIB), 1).await;
    let by_enqueuer = measure::enqueue(&small, text(20)).await;
    let by_nature = measure::enqueue(huge.within(&mut transaction), largest.clone()).await;
    let together = measure::enqueue_many(
        huge.within(&mut transaction),
        vec![largest[..INPUT_MAX - 100].to_owned(); 3],
    )
    .await;
    // The task has its own limit, whatever the enqueuer's.
    weigh::enqueue(&small, text(20), 1).await?;
    pass::enqueue(&mut transaction, 7).await?;
    transaction.commit().await?;

    let message = |error: Option<EnqueueError>| error.map(|error| error.to_string());
    assert_eq!(
        message(by_task.err()).as_deref(),
        Some(
            "the input of task `weigh` has 20971544 bytes, but at most 20971520 are allowed; store \
             the data elsewhere and enqueue a reference to it, or raise the limit with the option \
             `input_max` of the task"
        )
    );
    assert!(
        matches!(
            by_enqueuer,
            Err(EnqueueError::InputTooLarge { limit: 10, .. })
        ),
        "{by_enqueuer:?}"
    );
    assert_eq!(
        message(by_nature.err()).as_deref(),
        Some(
            "the input of task `measure` has 67108876 bytes, but at most 67108864 are allowed; \
             store the data elsewhere and enqueue a reference to it"
        )
    );
    assert!(
        matches!(
            together,
            Err(EnqueueError::BatchTooLarge {
                task: "measure",
                ..
            })
        ),
        "{:?}",
        together.err()
    );
    assert_eq!(count(pool, "ready").await?, 2);
    Ok(())
}

#[test]
fn a_limit_above_what_can_be_stored_is_reported_at_the_start() {
    let run = pgq::Run::new(pgq::Registry::new())
        .task::<pass>()
        .result_max(INPUT_MAX + 1);

    let problems = run.check().map_err(|error| error.to_string());

    assert_eq!(
        problems.err().as_deref(),
        Some(
            "1 problem before the start:\n  - setting `result_max`: must be at most 67108864 \
             bytes, but is 67108865"
        )
    );
}
