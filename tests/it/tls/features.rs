//! The features of TLS are those of sqlx.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::Context as _;
use pgq_tests::root;
use serde_json::Value;

/// The features of a crate of this build that choose a library for TLS.
fn features(metadata: &Value, name: &str) -> anyhow::Result<BTreeSet<String>> {
    let packages = metadata["packages"].as_array().context("no packages")?;
    let package = packages.iter().find(|package| package["name"] == name);
    let features = package.and_then(|package| package["features"].as_object());
    let features = features.context(name.to_owned())?.keys();
    let features = features.filter(|feature| feature.starts_with("tls-"));
    Ok(features.cloned().collect())
}

fn run(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let output = command.output()?;
    anyhow::ensure!(output.status.success(), "{command:?}: {output:?}");
    Ok(output.stdout)
}

#[test]
fn each_feature_of_sqlx_is_one_of_pgq_and_of_the_command_line() -> anyhow::Result<()> {
    let host = run(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let host = String::from_utf8(host)?;
    let metadata = run(Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        // What is of other systems need not be here.
        .args(["--filter-platform", host.trim()])
        .current_dir(root()))?;
    let metadata = serde_json::from_slice(&metadata)?;

    let sqlx = features(&metadata, "sqlx")?;

    assert!(sqlx.contains("tls-rustls-ring-webpki"), "{sqlx:?}");
    assert_eq!(features(&metadata, "pgq")?, sqlx);
    assert_eq!(features(&metadata, "pgq-cli")?, sqlx);
    Ok(())
}
