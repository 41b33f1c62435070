//! [`Fixture`]: what a test is given.

use std::error::Error as StdError;
use std::future::Future;

use super::Harness;

/// What a [`#[pgq::test]`](macro@crate::test) can take: it is opened before the test, and dropped
/// after it.
#[diagnostic::on_unimplemented(
    message = "a test cannot be given `{Self}`",
    label = "not a fixture",
    note = "take `pgq::testing::Harness`, which needs no server, or `pgq::testing::Database`, or implement `pgq::testing::Fixture` for `{Self}`"
)]
pub trait Fixture: Sized {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// What goes wrong fails the test.
    fn open() -> impl Future<Output = Result<Self, Box<dyn StdError + Send + Sync>>>;
}

/// With every task that is linked into the test.
impl Fixture for Harness {
    async fn open() -> Result<Self, Box<dyn StdError + Send + Sync>> {
        Ok(Self::new())
    }
}

/// Runs a test on a runtime of its own, as `#[tokio::test]` does: on one thread. Panics if the
/// fixture cannot be opened.
#[track_caller]
pub(crate) fn run_test<T: Fixture, F: Future>(test: impl FnOnce(T) -> F) -> F::Output {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => panic!("no runtime for the test: {error}"),
    };
    runtime.block_on(async {
        match T::open().await {
            Ok(fixture) => test(fixture).await,
            Err(error) => panic!("nothing to run the test on: {}", report(&*error)),
        }
    })
}

/// An error with its causes.
fn report(error: &(dyn StdError + 'static)) -> String {
    let mut report = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        report.push_str(": ");
        report.push_str(&error.to_string());
        cause = error.source();
    }
    report
}
