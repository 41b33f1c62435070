//! References may be named, and owned types may be `'static`.
#![deny(warnings)]

use std::borrow::Cow;
use std::sync::Arc;

pub trait Mailer: Send + Sync {}

#[pgq::task]
async fn named<'a, 'b: 'a>(mailer: &'a Arc<dyn Mailer>, other: &'b u8, context: &pgq::Context) {
    let _: &'a u8 = other;
    let _ = (mailer, context);
}

#[pgq::task]
async fn owned(text: Cow<'static, str>, state: &u8) {
    let _ = (text, state);
}

fn main() {}
