//! A web service that runs its jobs itself, and stops without losing requests or work.
//!
//! `cargo run --example axum`, then `curl --data tea localhost:3000/orders`, and Ctrl-C.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use pgq::{CancellationToken, Pgq};
use pgq_examples::Database;
use tokio::net::TcpListener;

/// Takes longer than a request should.
#[pgq::task]
async fn ship(item: String) {
    println!("shipping {item}");
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    println!("shipped {item}");
}

/// Answers as soon as the job is stored.
async fn order(State(pgq): State<Pgq>, item: String) -> Result<String, StatusCode> {
    match ship::enqueue(&pgq, item).await {
        Ok(job) => Ok(format!("job {}\n", job.id())),
        Err(error) => {
            eprintln!("{error}");
            Err(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let service = Router::new()
        .route("/orders", post(order))
        .with_state(database.connect().await?);
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);

    // One signal for both: the worker is told by the token and not by signals of its own.
    let stop = CancellationToken::new();
    let web = axum::serve(listener, service)
        .with_graceful_shutdown(stop.clone().cancelled_owned())
        .into_future();
    let worker = pgq::run()
        .url(database.url())
        .without_signals()
        .stop_on(stop.clone())
        .into_future();
    tokio::spawn({
        let stop = stop.clone();
        async move {
            let _ = tokio::signal::ctrl_c().await;
            stop.cancel();
        }
    });

    // Requests that have begun are answered, and jobs that run have 30 s to end. Jobs that have not
    // started are left for the next worker. If one of the two fails, the other ends as well.
    let (web, worker) = tokio::join!(async { web.await.inspect_err(|_| stop.cancel()) }, async {
        worker.await.inspect_err(|_| stop.cancel())
    },);
    web?;
    Ok(worker?)
}
