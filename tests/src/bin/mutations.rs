//! Makes mistakes in a copy of the engine and shows which test notices each.
//!
//! `cargo run -p pgq-tests --bin mutations [--all-tests] [words…]`: the mistakes whose name has one
//! of the words, or all; each against the tests that are to notice it, or against all. It fails if
//! a mistake is not noticed.

use std::collections::BTreeSet;
use std::env;
use std::time::Instant;

use anyhow::{bail, ensure};
use pgq_tests::mutations::{Copy, FEATURES, HEALTH, MUTATIONS, Mutation, Suite, TLS, Verdict};
use pgq_tests::root;

fn main() -> anyhow::Result<()> {
    let mut words: Vec<String> = env::args().skip(1).collect();
    let every_test = words.iter().any(|word| word == "--all-tests");
    words.retain(|word| word != "--all-tests");
    let chosen: Vec<&Mutation> = MUTATIONS
        .iter()
        .chain(FEATURES)
        .chain(HEALTH)
        .chain(TLS)
        .filter(|mutation| {
            words.is_empty() || words.iter().any(|word| mutation.name.contains(word))
        })
        .collect();
    ensure!(
        !chosen.is_empty(),
        "no mistake has one of {words:?} in its name"
    );

    let root = root().canonicalize()?;
    let place = root.join("target/mutations");
    let copy = Copy::refresh(&root, &place.join("tree"))?;
    let target = place.join("target");
    let tests = |mutations: &[&Mutation]| -> BTreeSet<&str> {
        let named = mutations.iter().flat_map(|mutation| mutation.tests);
        if every_test {
            BTreeSet::new()
        } else {
            named.copied().collect()
        }
    };

    let start = Instant::now();
    let sound = Suite::build(copy.tree(), &target)?.run(&tests(&chosen))?;
    ensure!(
        sound.failed.is_empty() && !sound.hung,
        "these tests fail without a mistake: {:?}",
        sound.failed
    );
    for test in chosen.iter().flat_map(|mutation| mutation.tests) {
        ensure!(sound.passed.contains(*test), "there is no test {test}");
    }
    println!("{} tests pass, {:?}\n", sound.passed.len(), start.elapsed());

    let mut survived = 0;
    for mutation in chosen {
        let start = Instant::now();
        let before = copy.change(mutation.file, |text| mutation.apply(text))?;
        let verdict =
            Suite::build(copy.tree(), &target).and_then(|suite| suite.run(&tests(&[mutation])));
        copy.change(mutation.file, |_| Some(before))?;
        let noticed = noticed_by(&verdict?);
        survived += usize::from(noticed.is_none());
        let noticed = noticed.unwrap_or_else(|| "SURVIVED".to_owned());
        println!(
            "{:<68} {:>4} s  {noticed}",
            mutation.name,
            start.elapsed().as_secs()
        );
    }
    if survived > 0 {
        bail!("{survived} mistakes were not noticed: a test is missing");
    }
    Ok(())
}

/// The tests that noticed a mistake, if any did.
fn noticed_by(verdict: &Verdict) -> Option<String> {
    let failed: Vec<&str> = verdict.failed.iter().map(String::as_str).collect();
    match (failed.is_empty(), verdict.hung) {
        (true, false) => None,
        (true, true) => Some("no end".to_owned()),
        (false, false) => Some(failed.join(", ")),
        (false, true) => Some(format!("no end, {}", failed.join(", "))),
    }
}
