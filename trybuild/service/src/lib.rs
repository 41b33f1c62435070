//! A crate of the oldest edition, which has the library from another crate.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, clippy::all, clippy::pedantic, clippy::nursery)]

use facade::jobs;

/// Greets.
///
/// # Errors
///
/// Never.
#[jobs::task(crate = facade::jobs)]
pub async fn greet(
    name: String,
    context: &jobs::Context,
    #[cfg(not(any()))]
    #[default]
    title: String,
) -> Result<String, String> {
    let _ = context;
    std::future::ready(Ok(title + &name)).await
}

/// Sweeps.
#[jobs::cron("0 3 * * *", crate = "facade::jobs")]
pub async fn sweep(#[cfg(any())] gone: NoSuchType) {
    std::future::ready(()).await;
}

/// Computes.
#[facade::jobs::task(crate = facade::jobs, blocking)]
pub fn compute(number: u64) {
    let _ = number.to_string();
}

facade::task!(made_by_a_macro: Vec<u8>);

#[cfg(test)]
mod tests {
    use facade::jobs::{Registry, TaskDescriptor};

    #[test]
    fn every_task_is_registered_where_it_is_written() {
        let registry = Registry::linked();
        let names: Vec<_> = registry.tasks().map(TaskDescriptor::name).collect();

        assert_eq!(
            names,
            [
                "compute",
                "greet",
                "made_by_a_macro",
                "made_here",
                "private",
                "render",
                "send",
                "sweep",
                "tidy"
            ]
        );
    }
}
