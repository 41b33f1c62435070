//! Connections that are lost, and what is connected to instead.

mod dropped;
mod failover;
mod left;
mod silence;
