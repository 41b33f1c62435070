//! Connections that are lost, and what is connected to instead.

mod failover;
mod left;
mod silence;
