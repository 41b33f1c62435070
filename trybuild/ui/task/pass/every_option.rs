//! Every option, on a task with every kind of parameter and a result.

use std::time::Duration;

use pgq::Task;

pub struct Mailer;

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Email {
    to: String,
}

#[pgq::task(
    name = "mail/send.v2",
    queue = "mail",
    priority = 9,
    max_attempts = 8,
    timeout = "1m30s",
    retain(completed = "12h", failed = "90d", result = "1h"),
    input_max = "16MiB",
    crate = ::pgq
)]
async fn send(
    mailer: &Mailer,
    email: Email,
    context: &pgq::Context,
    mut copies: u8,
) -> Result<u64, std::io::Error> {
    let Mailer = mailer;
    copies += 1;
    Ok(u64::from(copies) + email.to.len() as u64 + u64::from(context.attempt() == 1))
}

async fn enqueue(enqueuer: impl pgq::Enqueuer + Copy) -> Result<(), pgq::EnqueueError> {
    let email = |to: &str| Email { to: to.to_owned() };
    let job: pgq::JobHandle<u64> = send::enqueue(enqueuer, email("a"), 1).await?;
    let _ = job;
    let builder: pgq::JobBuilder<send> = send::job(email("a"), 1);
    let _ = builder.delay(Duration::from_secs(5)).enqueue(enqueuer).await?;
    let jobs: Vec<pgq::JobHandle<u64>> =
        send::enqueue_many(enqueuer, ["a", "b"].map(|to| (email(to), 1))).await?;
    let _ = jobs;
    Ok(())
}

fn is_send<T: Send>(_: &T) {}

async fn call(enqueuer: impl pgq::Enqueuer + Copy) {
    let context = pgq::Context::for_test();
    let sent = send(&Mailer, Email { to: "me".to_owned() }, &context, 1).await;
    assert_eq!(sent.unwrap(), 5);
    is_send(&send::enqueue(enqueuer, Email { to: String::new() }, 1));
    // Also with an iterator that is not `Send`.
    let letters = std::rc::Rc::new(["a".to_owned()]);
    let emails = letters.iter().map(|to| (Email { to: to.clone() }, 1));
    is_send(&send::enqueue_many(enqueuer, emails));
}

fn main() {
    let _ = |driver: &'static std::sync::Arc<dyn pgq::driver::Driver>| (enqueue(driver), call(driver));
    assert_eq!(send::NAME, "mail/send.v2");
    assert_eq!(send::OPTIONS.queue, "mail");
    assert_eq!(send::OPTIONS.priority, 9);
    assert_eq!(send::OPTIONS.max_attempts, 8);
    assert_eq!(send::OPTIONS.timeout, Some(Duration::from_secs(90)));
    let hours = |retention: pgq::Retention| retention.hours();
    // Twelve hours are rounded up.
    assert_eq!(hours(send::OPTIONS.retain.completed), 24);
    assert_eq!(hours(send::OPTIONS.retain.failed), 90 * 24);
    assert_eq!(hours(send::OPTIONS.retain.result), 1);
    assert_eq!(send::OPTIONS.input_max, Some(16 * 1024 * 1024));
    assert_eq!(send::injected().len(), 2);
}
