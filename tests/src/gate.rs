//! A proxy in front of the server that lets one request through at a time.
//!
//! A request is what a client sends before it waits: everything up to a `Sync` or a simple query.
//! While the gate is shut each one waits for a verdict, so that a test decides what happens between
//! two statements of the same caller, and which of them is the last of its connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, ensure};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::proxy::Proxy;

/// The most bytes of a message that is taken for one.
const MESSAGE_MAX: usize = 64 << 20;

/// The size of a `Sync`.
const SYNC_BYTES: usize = 5;

/// The way to a server, open at first.
#[derive(Debug)]
pub struct Gate {
    proxy: Proxy,
    is_shut: Arc<AtomicBool>,
    waiting: mpsc::UnboundedReceiver<Request>,
}

/// A request that waits. Dropped, it ends its connection and never reaches the server.
#[derive(Debug)]
pub struct Request(oneshot::Sender<Verdict>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Pass,
    Mute,
}

impl Gate {
    /// Opens a gate to the server of `options`, on a port of its own.
    ///
    /// # Errors
    ///
    /// Fails if there is no port to listen on.
    pub async fn open(options: &PgConnectOptions) -> anyhow::Result<Self> {
        let server = (options.get_host().to_owned(), options.get_port());
        let is_shut = Arc::new(AtomicBool::new(false));
        let (sender, waiting) = mpsc::unbounded_channel();
        let shut = Arc::clone(&is_shut);
        let serve = move |client| {
            let (server, shut, sender) = (server.clone(), Arc::clone(&shut), sender.clone());
            async move { relay(client, server, &shut, &sender).await }
        };
        Ok(Self {
            proxy: Proxy::open(serve).await?,
            is_shut,
            waiting,
        })
    }

    /// Returns the options to connect through the gate.
    #[must_use]
    pub fn options(&self, options: &PgConnectOptions) -> PgConnectOptions {
        self.proxy
            .options(options)
            // The gate has to see where a request ends.
            .ssl_mode(PgSslMode::Disable)
    }

    /// Lets nothing through but what gets a verdict, or everything again.
    pub fn shut(&self, is_shut: bool) {
        self.is_shut.store(is_shut, Ordering::SeqCst);
    }

    /// Waits for the next request that waits.
    ///
    /// # Cancel safety
    ///
    /// No request is lost.
    pub async fn next(&mut self) -> Option<Request> {
        self.waiting.recv().await
    }
}

impl Request {
    /// Lets it through.
    pub fn pass(self) {
        let _ = self.0.send(Verdict::Pass);
    }

    /// Lets it through and ends the connection in place of the answer: the server has done what it
    /// was asked, and the client does not hear of it.
    pub fn mute(self) {
        let _ = self.0.send(Verdict::Mute);
    }
}

/// Connects a client to the server until one of them ends the connection, or a verdict does.
async fn relay(
    client: TcpStream,
    server: (String, u16),
    is_shut: &AtomicBool,
    waiting: &mpsc::UnboundedSender<Request>,
) -> anyhow::Result<()> {
    let server = TcpStream::connect(server).await?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let is_mute = Arc::new(AtomicBool::new(false));
    let (answered, mut answers) = mpsc::unbounded_channel();
    // Ends with this function.
    let mut answering = JoinSet::new();
    answering.spawn(answer(
        from_server,
        to_client,
        Arc::clone(&is_mute),
        answered,
    ));

    let start = read_message(&mut from_client, false).await?;
    to_server.write_all(&start).await?;
    // Passwords, until the server is ready.
    let mut is_ready = false;
    while !is_ready {
        tokio::select! {
            biased;
            ready = answers.recv() => {
                ready.context("the server refused")?;
                is_ready = true;
            }
            readable = from_client.readable() => {
                readable?;
                let message = read_message(&mut from_client, true).await?;
                to_server.write_all(&message).await?;
            }
        }
    }

    loop {
        let request = tokio::select! {
            request = read_request(&mut from_client) => request?,
            // The server is gone.
            _ = answering.join_next() => return Ok(()),
        };
        let mut verdict = Verdict::Pass;
        // A lone `Sync` asks for nothing; pools send it when a connection comes back.
        if is_shut.load(Ordering::SeqCst) && request.len() > SYNC_BYTES {
            let (sender, receiver) = oneshot::channel();
            waiting.send(Request(sender))?;
            verdict = receiver.await?;
        }
        is_mute.store(verdict == Verdict::Mute, Ordering::SeqCst);
        to_server.write_all(&request).await?;
        answers.recv().await.context("the server is gone")?;
        if verdict == Verdict::Mute {
            return Ok(());
        }
    }
}

/// Passes on what the server says, and tells when it is ready for the next request.
async fn answer(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    is_mute: Arc<AtomicBool>,
    ready: mpsc::UnboundedSender<()>,
) -> anyhow::Result<()> {
    loop {
        let message = read_message(&mut server, true).await?;
        // Told before the client can send the next one.
        if message.first() == Some(&b'Z') {
            ready.send(())?;
        }
        if !is_mute.load(Ordering::SeqCst) {
            client.write_all(&message).await?;
        }
    }
}

/// Reads messages up to one that the server answers with being ready.
async fn read_request(client: &mut OwnedReadHalf) -> anyhow::Result<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        let message = read_message(client, true).await?;
        let kind = message.first().copied();
        ensure!(kind != Some(b'X'), "the client is done");
        request.extend(message);
        if matches!(kind, Some(b'S' | b'Q')) {
            return Ok(request);
        }
    }
}

/// Reads one message: its kind, except for the first of a connection, its length, and the rest.
async fn read_message(stream: &mut OwnedReadHalf, has_kind: bool) -> anyhow::Result<Vec<u8>> {
    let mut message = vec![0; if has_kind { 5 } else { 4 }];
    stream.read_exact(&mut message).await?;
    let head = message.len();
    let length = message[head - 4..]
        .iter()
        .fold(0, |length, byte| length * 256 + usize::from(*byte));
    ensure!((4..MESSAGE_MAX).contains(&length), "{length} is no length");
    message.resize(head - 4 + length, 0);
    stream.read_exact(&mut message[head..]).await?;
    Ok(message)
}
