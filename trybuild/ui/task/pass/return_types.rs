//! `()`, and every `Result` whose error can be reported, under any name.
#![deny(warnings)]

use std::error::Error;
use std::io;

use pgq::{JobBuilder, Task};

#[pgq::task]
async fn unit() -> () {}

#[pgq::task]
async fn own_result() -> Result<u8, io::Error> {
    Ok(1)
}

#[pgq::task]
async fn alias() -> io::Result<Vec<String>> {
    Ok(Vec::new())
}

#[pgq::task]
async fn anyhow_alias() -> anyhow::Result<()> {
    Ok(())
}

#[pgq::task]
async fn boxed() -> Result<Option<u8>, Box<dyn Error + Send + Sync>> {
    Ok(None)
}

#[pgq::task]
async fn text() -> Result<(), &'static str> {
    Err("no")
}

#[pgq::task]
async fn task_error(context: &pgq::Context) -> Result<(), pgq::TaskError> {
    let _: &u8 = context.state()?;
    Err(pgq::TaskError::permanent("no"))
}

fn output<T: Task<Output = O>, O>(_: JobBuilder<T>) {}

fn main() {
    output::<_, ()>(unit::job());
    output::<_, u8>(own_result::job());
    output::<_, Vec<String>>(alias::job());
    output::<_, ()>(anyhow_alias::job());
    output::<_, Option<u8>>(boxed::job());
    output::<_, ()>(text::job());
    output::<_, ()>(task_error::job());
}
