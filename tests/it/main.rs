//! One binary: it links once, runs its tests in parallel and shares its fixtures.

mod cli;
mod clients;
mod commits;
mod conformance;
mod contract;
mod durability;
mod embedded;
#[cfg(unix)]
mod examples;
mod fixture;
mod fleet;
mod functions;
mod health;
mod history;
mod limits;
mod memory;
mod mutations;
mod plans;
mod reconnect;
mod roles;
mod run;
mod statements;
mod stranded;
mod testing;
mod tidy;
mod tls;
mod wakeups;
