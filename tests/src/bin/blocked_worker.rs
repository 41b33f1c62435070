//! Stops while a task of it blocks, for ever.

use std::time::Duration;

use pgq::CancellationToken;

#[pgq::task(blocking)]
fn block(stop: &CancellationToken) {
    stop.cancel();
    loop {
        std::thread::park();
    }
}

#[tokio::main]
async fn main() -> pgq::Result<()> {
    let pgq = pgq::Pgq::from_env().await?;
    block::enqueue(&pgq).await?;
    let stop = CancellationToken::new();
    pgq::run()
        .state(stop.clone())
        .stop_on(stop)
        .drain_deadline(Duration::from_millis(1))
        .await
}
