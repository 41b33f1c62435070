//! Says what is wrong with a database, on a machine whose clock is so many seconds ahead.

use anyhow::Context as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().context("the first argument is a URL")?;
    let ahead = arguments.next().context("the second one is a number")?;
    pgq_skew::shift(ahead.parse()?);
    let pgq = pgq::Pgq::connect(&url).await?;
    for finding in pgq.check_health().await? {
        println!("{finding}");
    }
    Ok(())
}
