//! Contracts: an edit of an input that queued jobs could not be read after fails a test.
//!
//! `cargo run --example contract`, and `cargo test -p pgq-examples --example contract`

use std::time::Duration;

use pgq::contract::{Lock, unreadable};
use pgq_examples::Database;
use serde::{Deserialize, Serialize};

/// What the jobs of the tasks below hold; the test writes it. A service calls it `pgq.lock`.
const LOCK: &str = include_str!("contract.lock");

/// Make `to` a `u64`, or remove a `default`, and run the test.
#[derive(Serialize, Deserialize)]
struct Email {
    to: String,
    subject: String,
    #[serde(default)]
    cc: Vec<String>,
    channel: Option<Channel>,
}

#[derive(Serialize, Deserialize)]
enum Channel {
    Bulk { campaign: u32 },
    Personal,
}

#[pgq::task]
async fn send_email(email: Email, urgent: Option<bool>) -> anyhow::Result<String> {
    let Email {
        to, subject, cc, ..
    } = email;
    let copies = cc.len();
    let urgent = urgent.unwrap_or_default();
    Ok(format!(
        "{subject} to {to}, copies: {copies}, urgent: {urgent}"
    ))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;
    let email = Email {
        to: "ada@example.com".to_owned(),
        subject: "Hello".to_owned(),
        cc: Vec::new(),
        channel: Some(Channel::Personal),
    };
    let job = send_email::enqueue(&pgq, email, None).await?;

    // For a deployment: is there a job that this build cannot run?
    println!("{}", unreadable(&pgq, &Lock::parse(LOCK)?).await?);

    // A worker that takes only jobs of the contracts in the file.
    pgq::run()
        .url(database.url())
        .contracts(LOCK)
        .until_idle()
        .deadline(Duration::from_secs(60))
        .await?;
    println!("job {}: {}", job.id(), job.wait(&pgq).await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn queued_jobs_stay_readable() -> Result<(), pgq::contract::Error> {
        pgq::contract::check("contract.lock")?;
        Ok(())
    }
}
