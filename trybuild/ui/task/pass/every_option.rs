//! Every option, on a task with every kind of parameter and a result.

use std::time::Duration;

use pgq::{Backoff, Concurrency, Conflict, Rate, Task, Unique};

pub struct Mailer;

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Email {
    to: String,
}

#[pgq::task(
    name = "mail/send.v2",
    aliases = ["send", "mail/send.v1"],
    register = true,
    queue = "mail",
    priority = 9,
    max_attempts = 8,
    timeout = "1m30s",
    backoff(linear = "10s", max = "10m", jitter = 0.5),
    delay = "10m",
    retain(completed = "12h", failed = "90d", result = "1h"),
    input_max = "16MiB",
    expires = "1h",
    unique(by = [email, copies], within = "1d", conflict = "replace"),
    concurrency(max = 2, by = [email]),
    ordered_by = [copies],
    rate(max = "100/m", by = [email], burst = 20),
    tags = ["mail", "eu"],
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

/// The short forms.
#[pgq::task(
    backoff(fixed = "10s"),
    unique,
    concurrency = 10,
    rate = "5/s",
    register = false
)]
async fn tidy(r#type: u8) {
    let _ = r#type;
}

#[pgq::task(
    backoff(exponential = "2s", jitter = 0),
    unique(by = [r#type]),
    ordered_by = [r#type,],
    tags = ["raw",],
)]
async fn raw(r#type: u8) {
    let _ = r#type;
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
    recorded();
}

fn recorded() {
    let seconds = Duration::from_secs;
    assert_eq!(send::ALIASES, ["send", "mail/send.v1"]);
    assert_eq!(send::OPTIONS.backoff, Backoff::linear(seconds(10), seconds(600)).jitter(0.5));
    assert_eq!(send::OPTIONS.delay, seconds(600));
    assert_eq!(send::OPTIONS.expires, Some(seconds(3600)));
    let unique = Unique::new().by(&["email", "copies"]).within(seconds(86_400));
    assert_eq!(send::OPTIONS.unique, Some(unique.conflict(Conflict::Replace)));
    assert_eq!(send::OPTIONS.concurrency, Some(Concurrency::new(2).by(&["email"])));
    assert_eq!(send::OPTIONS.ordered_by, ["copies"]);
    let rate = Rate::new(100, seconds(60)).burst(20).by(&["email"]);
    assert_eq!(send::OPTIONS.rate, Some(rate));
    assert_eq!(send::OPTIONS.tags, ["mail", "eu"]);

    assert!(tidy::ALIASES.is_empty());
    assert_eq!(tidy::OPTIONS.backoff, Backoff::fixed(seconds(10)));
    assert_eq!(tidy::OPTIONS.delay, Duration::ZERO);
    assert_eq!(tidy::OPTIONS.unique, Some(Unique::new()));
    assert_eq!(tidy::OPTIONS.concurrency, Some(Concurrency::new(10)));
    assert_eq!(tidy::OPTIONS.rate, Some(Rate::new(5, seconds(1))));
    let hour = Backoff::exponential(seconds(2), seconds(3600));
    assert_eq!(raw::OPTIONS.backoff, hour.jitter(0.0));
    assert_eq!(raw::OPTIONS.unique, Some(Unique::new().by(&["type"])));

    let linked = pgq::Registry::linked();
    assert!(linked.task("mail/send.v2").is_some());
    assert_eq!(linked.task("send").map(|task| task.name()), Some("mail/send.v2"));
    assert!(linked.task("tidy").is_none());
}
