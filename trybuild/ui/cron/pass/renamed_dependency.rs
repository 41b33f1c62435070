//! The library is found under the name that `crate` gives, also by a deprecated schedule.
#![deny(warnings)]

extern crate pgq as jobs;

mod pgq {}

#[jobs::cron("0 3 * * *", crate = jobs)]
#[deprecated]
async fn r#type() {}

fn main() {}
