//! What a crash of the server takes, and what it does not.

mod relaxed;
mod unlogged;
