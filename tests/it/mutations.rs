//! The list of mistakes does not rot: each can still be made, and its tests are there.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use pgq_tests::mutations::{FEATURES, HEALTH, MUTATIONS, Mutation, TLS};
use pgq_tests::root;

fn every() -> impl Iterator<Item = &'static Mutation> {
    [MUTATIONS, FEATURES, HEALTH, TLS].into_iter().flatten()
}

#[test]
fn every_mistake_can_still_be_made() -> anyhow::Result<()> {
    for mutation in every() {
        let text = fs::read_to_string(root().join(mutation.file)).context(mutation.file)?;
        let mutated = mutation.apply(&text);
        assert!(
            mutated.is_some_and(|mutated| mutated != text),
            "\"{}\": its text is not in {} exactly once",
            mutation.name,
            mutation.file,
        );
    }
    Ok(())
}

#[test]
fn every_test_of_a_mistake_exists() -> anyhow::Result<()> {
    let mut sources = String::new();
    read(&root().join("tests/it"), &mut sources)?;
    read(&root().join("pgq/src"), &mut sources)?;
    for mutation in every() {
        for test in mutation.tests {
            let name = test.rsplit("::").next().unwrap_or_default();
            assert!(
                sources.contains(&format!("fn {name}(")),
                "\"{}\": there is no test {test}",
                mutation.name,
            );
        }
    }
    Ok(())
}

/// Reads every source below a directory.
fn read(directory: &Path, sources: &mut String) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
