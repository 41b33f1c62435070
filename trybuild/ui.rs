//! UI cases of the macros.
