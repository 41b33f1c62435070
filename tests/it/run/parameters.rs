//! Parameters with `#[default]` and `#[secret]`.

use std::borrow::Cow;

use pgq::driver::{Enqueue, Start};
use pgq::{JobHandle, JobId, JobState, Task};

use super::both::{Place, on_both_drivers};
use super::drain;

on_both_drivers! {
    a_row_without_a_parameter_gets_its_default,
    a_value_that_is_there_is_not_replaced,
    a_secret_that_does_not_decode_is_in_no_error,
    an_input_that_has_no_parameters_is_in_no_error,
}

#[pgq::task]
async fn describe_order(
    item: String,
    #[default = 1] copies: u32,
    #[default] gift: bool,
    #[default = Some("de".to_owned())] language: Option<String>,
    note: Option<String>,
) -> anyhow::Result<String> {
    Ok(format!("{item} {copies} {gift} {language:?} {note:?}"))
}

#[pgq::task]
async fn charge_card(#[secret] card: u64) {
    let _ = card;
}

/// Enqueues a row as another build may have written it.
async fn row<T: Task>(
    place: &Place,
    input: &serde_json::Value,
) -> anyhow::Result<JobHandle<T::Output>> {
    let enqueue = Enqueue {
        task: Cow::Borrowed(T::NAME),
        queue: Cow::Borrowed("default"),
        priority: 0,
        max_attempts: 1,
        fingerprint: None,
        start: Start::Now,
        durability: pgq::Durability::Durable,
        jobs: vec![[b"\x02", input.to_string().as_bytes()].concat().into()],
    };
    let ids: Vec<JobId> = place.driver.enqueue(enqueue).await?;
    Ok(JobHandle::from_id(ids[0]))
}

async fn a_row_without_a_parameter_gets_its_default(place: &Place) -> anyhow::Result<()> {
    let old = row::<describe_order>(place, &serde_json::json!({ "item": "tea" })).await?;

    drain(place.worker::<describe_order>()).await?;

    assert_eq!(
        old.wait(&place.driver).await?,
        r#"tea 1 false Some("de") None"#
    );
    Ok(())
}

async fn a_value_that_is_there_is_not_replaced(place: &Place) -> anyhow::Result<()> {
    let new = describe_order::enqueue(&place.driver, "tea".to_owned(), 2, true, None, None).await?;
    let input = serde_json::json!({ "item": "tea", "copies": "two" });
    let wrong = row::<describe_order>(place, &input).await?;

    drain(place.worker::<describe_order>()).await?;

    assert_eq!(new.wait(&place.driver).await?, "tea 2 true None None");
    assert_eq!(wrong.status(&place.driver).await?, JobState::Failed);
    Ok(())
}

async fn a_secret_that_does_not_decode_is_in_no_error(place: &Place) -> anyhow::Result<()> {
    let input = serde_json::json!({ "card": "4929 1231 2312 3123" });
    let job = row::<charge_card>(place, &input).await?;

    drain(place.worker::<charge_card>()).await?;

    let error = job.job(&place.driver).await?.error;
    assert_eq!(
        error.as_deref(),
        Some(
            "the input does not decode: parameter `card` of the input does not decode: it is \
             secret, so the reason is not told"
        )
    );
    Ok(())
}

async fn an_input_that_has_no_parameters_is_in_no_error(place: &Place) -> anyhow::Result<()> {
    let job = row::<charge_card>(place, &serde_json::json!("4929 1231 2312 3123")).await?;

    drain(place.worker::<charge_card>()).await?;

    let error = job.job(&place.driver).await?.error;
    assert_eq!(
        error.as_deref(),
        Some("the input does not decode: the input is not a map of parameters")
    );
    Ok(())
}
