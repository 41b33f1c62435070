//! The page for people.

use std::fs;

use pgq::driver::{FindingCode, Severity};
use pgq_tests::root;

#[test]
fn the_page_has_a_section_about_each_finding() -> anyhow::Result<()> {
    let page = fs::read_to_string(root().join("pgq/docs/troubleshooting.md"))?;
    let (errors, warnings) = page
        .split_once("## Warnings")
        .expect("errors come before warnings");
    for code in FindingCode::ALL {
        let part = match code.severity() {
            Severity::Error => errors,
            Severity::Warning => warnings,
        };
        assert!(
            part.contains(&format!("\n### `{code}`\n")),
            "no section: {code}"
        );
    }
    let sections = page.lines().filter(|line| line.starts_with("### ")).count();
    assert_eq!(sections, FindingCode::ALL.len());
    Ok(())
}
