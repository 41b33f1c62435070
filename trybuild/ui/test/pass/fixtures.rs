//! A test is given a fixture: one of pgq's, or one of its own.

#![deny(warnings, missing_docs)]
#![forbid(unsafe_code)]

use std::error::Error;

use pgq::testing::Fixture;

/// Opens nothing.
#[derive(Debug)]
pub struct Nothing;

impl Fixture for Nothing {
    async fn open() -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self)
    }
}

#[pgq::test]
async fn a_test_may_return_a_result(harness: pgq::testing::Harness) -> Result<(), std::fmt::Error> {
    let _ = harness.run_due().await;
    Ok(())
}

#[pgq::test(crate = ::pgq)]
#[should_panic(expected = "as it should")]
async fn attributes_are_kept(mut _nothing: Nothing) {
    panic!("as it should");
}

fn main() {}
