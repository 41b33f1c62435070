//! Tests of tasks without a database: jobs run when the test says so, on a clock that it moves.
//!
//! `cargo test -p pgq-examples --example testing`

use std::sync::Mutex;
use std::time::Duration;

use anyhow::ensure;
use pgq::Enqueuer;
use pgq::testing::Harness;

/// Stands for the service that the tasks call.
#[derive(Default)]
struct Mailer {
    down: bool,
    sent: Mutex<Vec<String>>,
}

#[pgq::task(max_attempts = 2)]
async fn remind(mailer: &Mailer, user: String) -> anyhow::Result<()> {
    ensure!(!mailer.down, "the mailer is down");
    if let Ok(mut sent) = mailer.sent.lock() {
        sent.push(user);
    }
    Ok(())
}

/// What the application does; `enqueuer` is a pool in production, and the harness in a test.
async fn sign_up(enqueuer: impl Enqueuer, user: &str) -> Result<(), pgq::EnqueueError> {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    remind::job(user.to_owned())
        .delay(DAY)
        .enqueue(enqueuer)
        .await?;
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The tests below, as a program.
    let harness = Harness::new().state(Mailer::default());
    sign_up(&harness, "ada").await?;

    println!("now: {}", harness.run_due().await);
    harness.advance(Duration::from_secs(24 * 3600));
    println!("a day later: {}", harness.run_due().await);
    Ok(())
}

#[cfg(test)]
mod tests {
    use pgq::JobState;

    use super::*;

    #[pgq::test]
    async fn a_user_is_reminded_after_a_day(harness: Harness) -> anyhow::Result<()> {
        let harness = harness.state(Mailer::default());

        sign_up(&harness, "ada").await?;

        harness.assert_enqueued::<remind>(|input| input.user == "ada");
        assert_eq!(
            harness.run_due().await.runs().len(),
            0,
            "not on the same day"
        );
        harness.advance(Duration::from_secs(24 * 3600));
        harness.run_due().await.assert_completed();
        Ok(())
    }

    #[pgq::test]
    async fn a_reminder_is_tried_twice(harness: Harness) -> anyhow::Result<()> {
        let mailer = Mailer {
            down: true,
            ..Mailer::default()
        };
        let harness = harness.state(mailer);
        let job = remind::enqueue(&harness, "ada".to_owned()).await?;

        assert_eq!(harness.run_due().await.retried(), 1);
        assert_eq!(job.status(&harness).await?, JobState::Scheduled);
        harness.advance(Duration::from_secs(1));
        assert_eq!(harness.run_due().await.failed(), 1);
        Ok(())
    }

    #[tokio::test]
    async fn a_task_is_a_fn_like_any_other() -> anyhow::Result<()> {
        let mailer = Mailer::default();

        remind(&mailer, "ada".to_owned()).await?;

        assert_eq!(*mailer.sent.lock().unwrap(), ["ada"]);
        Ok(())
    }
}
