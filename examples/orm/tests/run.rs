//! Each example runs, and the user whose transaction was rolled back has no job.

use std::process::Command;

fn run(program: &str) {
    let output = Command::new(program)
        .env_remove("DATABASE_URL")
        .output()
        .expect("the example starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);

    assert!(output.status.success(), "{}: {errors}", output.status);
    assert!(
        printed.starts_with("not signed up: ")
            && printed.ends_with("\n1 job completed: welcome, ada@example.com\n"),
        "{printed}"
    );
}

#[test]
fn diesel_enqueues_in_its_transaction() {
    run(env!("CARGO_BIN_EXE_diesel"));
}

#[test]
fn diesel_async_enqueues_in_its_transaction() {
    run(env!("CARGO_BIN_EXE_diesel_async"));
}

#[test]
fn sea_orm_enqueues_in_its_transaction() {
    run(env!("CARGO_BIN_EXE_sea_orm"));
}
