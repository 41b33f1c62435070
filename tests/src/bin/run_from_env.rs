//! Runs what is linked, on the database of the environment, until nothing is due.

#[pgq::task]
async fn greet(name: String) -> pgq::Result<String> {
    Ok(format!("hello, {name}"))
}

#[tokio::main]
async fn main() -> pgq::Result<()> {
    let pgq = pgq::Pgq::from_env().await?;
    pgq.migrate().await?;
    greet::enqueue(&pgq, "world".to_owned()).await?;
    pgq::run().until_idle().await?;
    Ok(())
}
