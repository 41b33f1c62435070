//! The servers that a URL names, and which of them connections go to.
//!
//! sqlx knows one server. Where a URL names several, as a primary and its standbys, pgq chooses the one that can be
//! written to. One task looks which it is, in `follow.rs`; whatever else connects goes where that one says.

mod follow;
mod hooks;
mod url;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use self::hooks::Whose;
use super::connect::{connect, open, place};
use crate::driver::{DriverError, DriverErrorKind};

/// One server, or several of which one is chosen. Clones choose together.
#[derive(Clone)]
pub(crate) struct Servers {
    /// The options of each server, in the order of the URL.
    each: Arc<[PgConnectOptions]>,
    choice: Arc<Choice>,
    /// Ends with the last clone. `None` if there is nothing to choose.
    follower: Option<Arc<AbortOnDropHandle<()>>>,
}

/// Which server was chosen, for all that connect to the same ones.
#[derive(Default)]
struct Choice {
    /// Apart from the pools, which look at it.
    chosen: Arc<watch::Sender<Chosen>>,
    /// The pools that go where the choice goes, with their options for each server.
    pools: Mutex<Vec<(PgPool, Arc<[PgConnectOptions]>)>>,
    /// Held while the servers are tried.
    finding: tokio::sync::Mutex<()>,
}

#[derive(Clone, Copy, Default)]
struct Chosen {
    server: usize,
    /// Whether it was seen that it can be written to.
    is_found: bool,
    /// Whether a connection has gone silent, so that others may have.
    is_suspect: bool,
    term: Term,
    /// When the term began; `None` for the first one.
    since: Option<Instant>,
}

/// Counts how often all connections had to be given up: they led to a server that is not the primary any more, or over a
/// network that has gone silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Term(u64);

impl Servers {
    /// The servers of a URL. If there are several, a task begins to look which one to use; it ends with the last
    /// clone.
    ///
    /// # Errors
    ///
    /// Fails if the URL is not one; the error does not repeat it: it may hold a password.
    ///
    /// # Panics
    ///
    /// Panics outside of a runtime of tokio if there are several.
    pub(crate) fn of_url(url: &str) -> Result<Self, DriverError> {
        let mut servers = Self::new(url::parse(url)?);
        if servers.is_several() {
            let follower = tokio::spawn(follow::run(servers.clone()));
            servers.follower = Some(Arc::new(AbortOnDropHandle::new(follower)));
        }
        Ok(servers)
    }

    /// The server of these options, and no other.
    pub(crate) fn one(options: PgConnectOptions) -> Self {
        Self::new(vec![options])
    }

    fn new(each: Vec<PgConnectOptions>) -> Self {
        Self {
            each: each.into(),
            choice: Arc::default(),
            follower: None,
        }
    }

    /// The same servers, with other options.
    pub(super) fn map(&self, change: impl Fn(&PgConnectOptions) -> PgConnectOptions) -> Self {
        Self {
            each: self.each.iter().map(change).collect(),
            choice: Arc::clone(&self.choice),
            follower: self.follower.clone(),
        }
    }

    /// The options of each server.
    pub(super) fn each(&self) -> &[PgConnectOptions] {
        &self.each
    }

    /// The options of the server to use.
    ///
    /// # Errors
    ///
    /// Fails if there are several, and none of them could be written to yet.
    pub(super) async fn options(&self) -> Result<PgConnectOptions, DriverError> {
        if self.is_several() && !self.choice.chosen().is_found {
            let _ = self.find().await?.close().await;
        }
        Ok(self.each[self.choice.chosen().server].clone())
    }

    /// Opens a connection to the server to use.
    pub(super) async fn connect(&self) -> Result<PgConnection, DriverError> {
        connect(&self.options().await?).await
    }

    /// The term of connections that are opened now.
    pub(super) fn term(&self) -> Term {
        self.choice.chosen().term
    }

    /// Waits for a call on a connection, but for no longer than the term of the connection lasts.
    ///
    /// # Errors
    ///
    /// Those of the call, or that its connection was given up.
    pub(super) async fn within_term<T>(
        &self,
        call: impl Future<Output = Result<T, DriverError>>,
    ) -> Result<T, DriverError> {
        let mut chosen = self.choice.chosen.subscribe();
        let term = chosen.borrow().term;
        tokio::select! {
            biased;
            answer = call => answer,
            _ = chosen.wait_for(|chosen| chosen.term != term) => {
                let problem = "the connection was given up: another one to the database has gone silent";
                Err(DriverError::new(DriverErrorKind::Unavailable, problem))
            }
        }
    }

    /// Takes note that a connection does not answer any more, which others may not, either.
    pub(super) fn suspect(&self) {
        self.choice
            .chosen
            .send_modify(|chosen| chosen.is_suspect = true);
    }

    /// Takes note that a new connection does answer. If another one did not, all that are older are given up: to wait
    /// for each of them would take as long again.
    pub(super) fn answered(&self) {
        self.choice.chosen.send_if_modified(|chosen| {
            let is_over = std::mem::take(&mut chosen.is_suspect);
            if is_over {
                chosen.begin_term();
            }
            is_over
        });
    }

    /// Connects once, whatever that leads through, to see that it works.
    pub(crate) async fn ping(&self) -> Result<(), DriverError> {
        let connection = open(&self.options().await?).await?;
        let _ = connection.close().await;
        Ok(())
    }

    /// Makes a pool for an application; it connects when it is first used.
    pub(crate) fn pool(&self, options: PgPoolOptions) -> PgPool {
        self.pool_of(Whose::Application, options)
    }

    /// Makes a pool for a runtime, whose connections have sessions of their own; it connects when it is first used.
    pub(super) fn own_pool(&self, options: PgPoolOptions) -> PgPool {
        self.pool_of(Whose::Own, options)
    }

    fn pool_of(&self, whose: Whose, options: PgPoolOptions) -> PgPool {
        let first = self.each[self.choice.chosen().server].clone();
        let options = hooks::set(options, whose, &self.each, &self.choice.chosen);
        let pool = options.connect_lazy_with(first);
        if self.is_several() {
            lock(&self.choice.pools).push((pool.clone(), Arc::clone(&self.each)));
        }
        pool
    }

    fn is_several(&self) -> bool {
        self.each.len() > 1
    }
}

impl Choice {
    fn chosen(&self) -> Chosen {
        *self.chosen.borrow()
    }

    /// Lets whatever connects from now on go to a server that can be written to. Returns whether it is another one.
    fn choose(&self, server: usize) -> bool {
        let pools = lock(&self.pools);
        let is_another = self.chosen().server != server;
        self.chosen.send_modify(|chosen| {
            chosen.is_found = true;
            if is_another {
                chosen.server = server;
                chosen.begin_term();
            }
        });
        for (pool, each) in pools.iter().filter(|_| is_another) {
            pool.set_connect_options(each[server].clone());
        }
        is_another
    }
}

impl Chosen {
    fn begin_term(&mut self) {
        self.term = Term(self.term.0 + 1);
        self.since = Some(Instant::now());
    }
}

/// Where the servers are; their options have passwords.
impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.each.iter().map(place)).finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
