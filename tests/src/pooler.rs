//! A pooler in front of a real server.
//!
//! Like those that are in use it takes no settings from its clients. Who waits for notifications is not told of any.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, MutexGuard};

use crate::proxy::Proxy;

/// The most bytes of a message that is taken for one.
const MESSAGE_MAX: usize = 64 << 20;

/// The code of a startup message that asks for TLS.
const TLS_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();

/// The version of the protocol in a startup message.
const PROTOCOL: [u8; 4] = 196_608_u32.to_be_bytes();

/// The way to a server.
#[derive(Debug)]
pub struct Pooler {
    proxy: Proxy,
}

/// Who has the sessions of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// There is one, which is lent to a client for a request, or for a transaction.
    Shared,
    /// Each client has its own.
    Own,
}

/// A message: its type, and the whole of it.
type Message = (u8, Vec<u8>);

/// What the clients share.
struct Shared {
    /// The session, if there is one for all of them.
    server: Option<Mutex<TcpStream>>,
    /// What the server has said of itself.
    parameters: Vec<u8>,
    options: PgConnectOptions,
}

impl Pooler {
    /// Opens a pooler to the server and the database of `options`, which must ask for no password.
    ///
    /// # Errors
    ///
    /// Fails if there is no port to listen on, or no session.
    pub async fn open(options: &PgConnectOptions, sessions: Sessions) -> anyhow::Result<Self> {
        let (server, parameters) = session(options).await?;
        let shared = Arc::new(Shared {
            server: (sessions == Sessions::Shared).then(|| Mutex::new(server)),
            parameters,
            options: options.clone(),
        });
        let serve = move |client| {
            let shared = Arc::clone(&shared);
            async move { serve(client, &shared).await }
        };
        Ok(Self {
            proxy: Proxy::open(serve).await?,
        })
    }

    /// Returns the options to connect through the pooler.
    #[must_use]
    pub fn options(&self, options: &PgConnectOptions) -> PgConnectOptions {
        self.proxy.options(options).ssl_mode(PgSslMode::Disable)
    }
}

/// Begins a session, and returns what the server says of itself.
async fn session(options: &PgConnectOptions) -> anyhow::Result<(TcpStream, Vec<u8>)> {
    let mut server = TcpStream::connect((options.get_host(), options.get_port())).await?;
    let user = options.get_username();
    let database = options.get_database().unwrap_or(user);
    let settings = format!("user\0{user}\0database\0{database}\0client_encoding\0UTF8\0\0");
    let mut startup = u32::try_from(settings.len() + 8)?.to_be_bytes().to_vec();
    startup.extend(PROTOCOL);
    startup.extend(settings.as_bytes());
    server.write_all(&startup).await?;
    let mut parameters = Vec::new();
    loop {
        match read(&mut server).await? {
            (b'S', message) => parameters.extend(message),
            (b'Z', _) => return Ok((server, parameters)),
            (b'E', message) => anyhow::bail!("{}", String::from_utf8_lossy(&message)),
            _ => {}
        }
    }
}

async fn serve(mut client: TcpStream, shared: &Shared) -> anyhow::Result<()> {
    greet(&mut client, shared).await?;
    let own;
    let server = if let Some(server) = &shared.server {
        server
    } else {
        own = Mutex::new(session(&shared.options).await?.0);
        &own
    };
    let mut lent: Option<MutexGuard<'_, TcpStream>> = None;
    loop {
        let mut request = Vec::new();
        loop {
            let (kind, message) = read(&mut client).await?;
            ensure!(kind != b'X', "the client has gone");
            request.extend(message);
            if matches!(kind, b'S' | b'Q') {
                break;
            }
        }
        let mut server = match lent.take() {
            Some(lent) => lent,
            None => server.lock().await,
        };
        server.write_all(&request).await?;
        let status = loop {
            let (kind, message) = read(&mut server).await?;
            if kind != b'A' {
                client.write_all(&message).await?;
            }
            if kind == b'Z' {
                break message.last().copied();
            }
        };
        if status != Some(b'I') {
            lent = Some(server);
        }
    }
}

/// Lets a client in.
async fn greet(client: &mut TcpStream, shared: &Shared) -> anyhow::Result<()> {
    loop {
        let mut head = [0; 8];
        client.read_exact(&mut head).await?;
        let [length @ .., _, _, _, _] = head;
        let length = usize::try_from(u32::from_be_bytes(length))?;
        ensure!((8..MESSAGE_MAX).contains(&length), "not a message");
        client.read_exact(&mut vec![0; length - 8]).await?;
        match head.ends_with(&TLS_REQUEST) {
            true => client.write_all(b"N").await?,
            false => break,
        }
    }
    let mut welcome = vec![b'R', 0, 0, 0, 8, 0, 0, 0, 0];
    welcome.extend(&shared.parameters);
    welcome.extend([b'K', 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1]);
    welcome.extend([b'Z', 0, 0, 0, 5, b'I']);
    Ok(client.write_all(&welcome).await?)
}

async fn read(stream: &mut TcpStream) -> anyhow::Result<Message> {
    let mut message = vec![0; 5];
    stream.read_exact(&mut message).await?;
    let (kind, length) = message.split_first().context("a message has a type")?;
    let length = usize::try_from(u32::from_be_bytes(length.try_into()?))?;
    ensure!((4..MESSAGE_MAX).contains(&length), "not a message");
    let kind = *kind;
    message.resize(length + 1, 0);
    stream.read_exact(&mut message[5..]).await?;
    Ok((kind, message))
}
