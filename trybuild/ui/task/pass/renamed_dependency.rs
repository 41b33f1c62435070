//! The library is found under the name that `crate` gives.

pub extern crate pgq as jobs;

/// Another crate's name.
mod pgq {}

mod facade {
    pub use jobs as queue;
}

#[jobs::task(crate = jobs)]
async fn by_name() {}

#[jobs::task(
    crate = "jobs",
    backoff(exponential = "1s"),
    unique(by = [name], conflict = "skip"),
    concurrency = 1,
    rate = "1/s"
)]
async fn by_string(name: String) {
    let _ = name;
}

#[facade::queue::task(crate = crate::facade::queue)]
async fn by_path(context: &jobs::Context) {
    let _ = context;
}

#[facade::queue::task(crate = "facade::queue")]
async fn by_path_in_a_string() {}

fn main() {
    let _ = by_name::job();
    let _ = by_string::job(String::new());
    let _ = by_path::job();
    let _ = by_path_in_a_string::job();
}
