//! SIGINT and SIGTERM, and the other ways to be told to stop.

use tokio_util::sync::CancellationToken;

use crate::worker::StopSignal;

/// Turns signals into a stop: the first one drains, the second one ends it at once. Ends never.
pub(super) async fn forward(stop: StopSignal) -> ! {
    let mut signals = Signals::install();
    // Others may have begun the drain before, or at the same signal.
    let name = signals.next().await;
    tracing::info!(signal = name, "draining; a second signal stops at once");
    stop.drain.cancel();
    loop {
        let name = signals.next().await;
        tracing::warn!(signal = name, "stopping at once");
        stop.now.cancel();
    }
}

/// Turns the application's own token into a drain.
pub(super) async fn follow(token: CancellationToken, stop: StopSignal) -> ! {
    token.cancelled().await;
    stop.drain.cancel();
    std::future::pending().await
}

#[cfg(unix)]
struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn install() -> Self {
        use tokio::signal::unix::{SignalKind, signal};

        let install = |kind| {
            signal(kind)
                .inspect_err(|error| tracing::warn!(%error, "failed to install a signal handler"))
                .ok()
        };
        Self {
            interrupt: install(SignalKind::interrupt()),
            terminate: install(SignalKind::terminate()),
        }
    }

    async fn next(&mut self) -> &'static str {
        async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
            let received = match signal {
                Some(signal) => signal.recv().await,
                None => None,
            };
            if received.is_none() {
                std::future::pending::<()>().await;
            }
        }
        tokio::select! {
            () = received(&mut self.interrupt) => "SIGINT",
            () = received(&mut self.terminate) => "SIGTERM",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn install() -> Self {
        Self
    }

    async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
