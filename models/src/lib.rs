//! Models of pgq's protocols, checked against every order of events.
//!
//! A model names its steps after the code that takes them. Who changes the one changes the other.
//! Each also has flaws that can be switched on, one for each sentence of the protocol: a model that
//! holds whatever is left out proves nothing.

#[cfg(test)]
mod wakeups;
