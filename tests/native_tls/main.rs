//! The tests of TLS once more, with the library of the system: sqlx uses it wherever it is there, so
//! no test of the same program can use the other one.

#[path = "../it/tls/mod.rs"]
mod tls;
