//! Parameters may be called what generated code calls its own.
#![deny(warnings)]
#![allow(non_snake_case)]

#[pgq::task]
async fn task(
    enqueuer: u8,
    inputs: u8,
    input: u8,
    context: u8,
    state: &String,
    self_: u8,
    writer: u8,
    reader: u8,
    bytes: u8,
    outcome: u8,
    task: u8,
    name: u8,
    pool: u8,
    job: u8,
    __PgqInput: u8,
) {
    let _ = (enqueuer, inputs, input, context, state, self_, writer, reader, bytes, outcome, task);
    let _ = (name, pool, job, __PgqInput);
}

#[pgq::task]
async fn encode(context: &pgq::Context, input: &u8, outcome: &u16) {
    let _ = (context, input, outcome);
}

#[pgq::task]
async fn run(_: &pgq::Context, _unused: u8) {}

fn main() {
    let _ = task::job(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14);
    let _ = encode::job();
    let _ = run::job(1);
}
