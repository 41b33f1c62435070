//! The servers that a URL names, and which of them connections go to.
//!
//! sqlx knows one server. Where a URL names several, as a primary and its standbys, pgq chooses the one that can be
//! written to. One task looks which it is, in `follow.rs`; whatever else connects goes where that one says.

mod follow;
mod hooks;
#[cfg(feature = "tokio-postgres")]
mod tokio_postgres;
mod url;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use self::hooks::Whose;
use super::connect::{connect, open, place};
use crate::driver::{DriverError, DriverErrorKind};

/// How long a call may go on after its term has ended.
const GRACE: Duration = Duration::from_secs(5);

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
    /// Fails if the URL is not one, or names several servers outside of a runtime of tokio. The error does not repeat
    /// it: it may hold a password.
    pub(crate) fn of_url(url: &str) -> Result<Self, DriverError> {
        Self::followed(url::parse(url)?)
    }

    /// The servers of a configuration of `tokio-postgres`, as of a URL.
    ///
    /// # Errors
    ///
    /// Fails if it names none, or only wants to read, or names several outside of a runtime of tokio.
    #[cfg(feature = "tokio-postgres")]
    pub(crate) fn of_tokio_postgres(
        config: &::tokio_postgres::Config,
    ) -> Result<Self, DriverError> {
        Self::followed(tokio_postgres::read(config)?)
    }

    fn followed(each: Vec<PgConnectOptions>) -> Result<Self, DriverError> {
        let mut servers = Self::new(each);
        if servers.is_several() {
            let runtime = Handle::try_current().map_err(|error| {
                let problem =
                    "several servers are followed by a task, and there is no runtime of tokio";
                DriverError::new(DriverErrorKind::Other, problem).with_source(error)
            })?;
            let follower = runtime.spawn(follow::run(servers.clone()));
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
            self.find_first().await?;
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

    /// Waits for a call on a connection, but not for long after the term of the connection has ended.
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
        let ended = async {
            let _ = chosen.wait_for(|chosen| chosen.term != term).await;
            // The server may only have been slow, and answers now.
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            answer = call => answer,
            () = ended => {
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

    /// Takes note that a connection that was opened in a term does answer. If another one did not, all that are older
    /// are given up: to wait for each of them would take as long again. Returns the term of the new one.
    pub(super) fn answered(&self, opened_in: Term) -> Term {
        let mut term = opened_in;
        self.choice.chosen.send_if_modified(|chosen| {
            let is_over = std::mem::take(&mut chosen.is_suspect) && chosen.term == opened_in;
            if is_over {
                chosen.begin_term();
                term = chosen.term;
            }
            is_over
        });
        term
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
        // Nobody chooses meanwhile.
        let mut pools = lock(&self.choice.pools);
        let first = self.each[self.choice.chosen().server].clone();
        let options = hooks::set(options, whose, &self.each, &self.choice.chosen);
        let pool = options.connect_lazy_with(first);
        if self.is_several() && whose == Whose::Application {
            pools.push((pool.clone(), Arc::clone(&self.each)));
        }
        pool
    }

    /// Lets a pool of a runtime connect to the server to use. It is asked for each time: to know of the pools of all
    /// runtimes would keep their connections open.
    pub(super) fn lead(&self, pool: &PgPool) {
        if self.is_several() {
            let options = &self.each[self.choice.chosen().server];
            if place(&pool.connect_options()) != place(options) {
                pool.set_connect_options(options.clone());
            }
        }
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
        // Before the term begins: what is opened in it goes there.
        for (pool, each) in pools.iter().filter(|_| is_another) {
            pool.set_connect_options(each[server].clone());
        }
        self.chosen.send_modify(|chosen| {
            chosen.is_found = true;
            if is_another {
                chosen.server = server;
                chosen.begin_term();
            }
        });
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Far longer than it takes.
    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_call_ends_soon_after_its_term() {
        let servers = Servers::one(PgConnectOptions::new());
        let call = servers.within_term(std::future::pending::<Result<(), DriverError>>());
        let silent = async {
            let opened_in = servers.term();
            servers.suspect();
            assert_ne!(servers.answered(opened_in), opened_in);
        };

        let ended = tokio::time::timeout(LONG, async { tokio::join!(call, silent).0 }).await;

        let error = ended.unwrap().unwrap_err();
        assert_eq!(error.kind(), DriverErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn a_call_that_is_slow_may_end_while_others_are_given_up() {
        let servers = Servers::one(PgConnectOptions::new());
        let call = servers.within_term(async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(7)
        });
        let silent = async {
            servers.suspect();
            servers.answered(servers.term());
        };

        let (answer, ()) = tokio::join!(call, silent);

        assert_eq!(answer.ok(), Some(7));
    }
}
