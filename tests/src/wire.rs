//! A wire to the server that can go silent, as a network does behind which a machine has vanished: nobody is told.

use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

use crate::proxy::Proxy;

/// The way to a server.
#[derive(Debug)]
pub struct Wire {
    proxy: Proxy,
    /// How often it has gone silent.
    silences: Arc<watch::Sender<u32>>,
}

impl Wire {
    /// Opens a wire to the server of `options`, on a port of its own.
    ///
    /// # Errors
    ///
    /// Fails if there is no port to listen on.
    pub async fn open(options: &PgConnectOptions) -> anyhow::Result<Self> {
        let server = (options.get_host().to_owned(), options.get_port());
        let silences = Arc::new(watch::Sender::new(0));
        let heard = Arc::clone(&silences);
        let serve = move |client| relay(client, server.clone(), heard.subscribe());
        Ok(Self {
            proxy: Proxy::open(serve).await?,
            silences,
        })
    }

    /// Returns the options to connect by the wire.
    #[must_use]
    pub fn options(&self, options: &PgConnectOptions) -> PgConnectOptions {
        self.proxy.options(options)
    }

    /// Carries nothing any more between those that are connected, and tells neither side. Who connects from now on is
    /// served.
    pub fn go_silent(&self) {
        self.silences.send_modify(|silences| *silences += 1);
    }
}

async fn relay(
    client: TcpStream,
    server: (String, u16),
    mut silences: watch::Receiver<u32>,
) -> anyhow::Result<()> {
    let server = TcpStream::connect(server).await?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    silences.mark_unchanged();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Both ends stay open, and are read: what is sent is lost on the way.
    let there = carry(from_client, to_server, silences.clone());
    let back = carry(from_server, to_client, silences);
    tokio::select! {
        ended = there => ended,
        ended = back => ended,
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    silences: watch::Receiver<u32>,
) -> anyhow::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if silences.has_changed()? {
            // That the other end has gone is not told, either.
            return std::future::pending().await;
        }
        if length == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..length]).await?;
    }
}
