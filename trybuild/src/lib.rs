//! Holds the UI cases; no code of its own.
