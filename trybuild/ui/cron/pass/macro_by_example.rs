//! `macro_rules` may make schedules.
#![deny(warnings)]

macro_rules! nightly {
    ($name:ident, $expression:literal) => {
        #[pgq::cron($expression)]
        async fn $name() {}
    };
}

nightly!(tidy, "0 3 * * *");

fn main() {
    let _ = tidy::job();
}
