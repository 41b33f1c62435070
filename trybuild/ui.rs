//! What the macros and a run accept and refuse, and what they say about it.

#[rustversion::attr(not(stable(1.95)), ignore = "the .stderr files are of Rust 1.95")]
#[test]
fn task() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/task/pass/*.rs");
    cases.compile_fail("ui/task/fail/*.rs");
}

#[rustversion::attr(not(stable(1.95)), ignore = "the .stderr files are of Rust 1.95")]
#[test]
fn cron() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/cron/pass/*.rs");
    cases.compile_fail("ui/cron/fail/*.rs");
}

#[rustversion::attr(not(stable(1.95)), ignore = "the .stderr files are of Rust 1.95")]
#[test]
fn test() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/test/pass/*.rs");
    cases.compile_fail("ui/test/fail/*.rs");
}

#[rustversion::attr(not(stable(1.95)), ignore = "the .stderr files are of Rust 1.95")]
#[test]
fn run() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/run/fail/*.rs");
}
