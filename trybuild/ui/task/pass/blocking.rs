//! A plain fn, with every kind of parameter and of return type.
#![deny(warnings, unused_qualifications, unused_results)]
#![forbid(unsafe_code)]

use std::sync::Mutex;

use pgq::Task;

struct Original;

#[pgq::task(blocking, queue = "cpu")]
fn resize(
    originals: &Mutex<Original>,
    context: &pgq::Context,
    image: String,
    #[default = 100] mut width: u32,
) -> Result<u32, std::fmt::Error> {
    width += u32::from(originals.lock().is_ok() && context.attempt() == 1);
    let _ = image;
    Ok(width)
}

#[pgq::task(queue = "cpu", blocking)]
fn tidy() {}

#[pgq::cron("0 3 * * *", blocking)]
fn vacuum(originals: &Mutex<Original>) -> anyhow::Result<()> {
    let _ = originals;
    Ok(())
}

#[pgq::task(blocking)]
fn input_only(id: u64) {
    let _ = id;
}

fn main() {
    assert!(resize(&Mutex::new(Original), &pgq::Context::for_test(), String::new(), 1) == Ok(2));
    let _ = (resize::job(String::new(), 1), tidy::job(), vacuum::job(), input_only::job(1));
    tidy();
    assert_eq!(resize::OPTIONS.queue, "cpu");
}
