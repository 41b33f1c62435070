//! Policy: what is wrong with the database, the user's rights and the schema.

use std::collections::BTreeMap;

use super::read::SchemaState;
use super::structure::{self, STRUCTURE};
use crate::driver::{DriverError, DriverErrorKind, Finding, FindingCode};
use crate::postgres::schema::Schema;

/// The most things that a finding names one by one.
const NAMED_MAX: usize = 5;

/// What is wrong with the database, whatever is in it.
pub(super) fn database(state: &SchemaState) -> Vec<Finding> {
    let mut findings = Vec::new();
    let SchemaState {
        database, encoding, ..
    } = state;
    if encoding != "UTF8" {
        findings.push(Finding::new(
            FindingCode::Encoding,
            format!("the database `{database}` stores text in `{encoding}`, and not in UTF-8"),
            "make another one: `create database … encoding 'UTF8' template template0`",
        ));
    }
    if state.is_template {
        findings.push(Finding::new(
            FindingCode::TemplateDatabase,
            format!("the database `{database}` is a template, so that others begin with its jobs"),
            "correct the name of the database in the URL",
        ));
    }
    findings
}

/// What is to be said of a schema without any table.
pub(super) fn absent(state: &SchemaState, schema: &Schema) -> Finding {
    let database = &state.database;
    let advice = match &*state.other_schemas {
        [] => "migrate it, which `pgq::run()` does unless told not to, or correct the name of the \
               database in the URL"
            .to_owned(),
        others => format!(
            "say which one is meant: there are tables of pgq in `{}`",
            others.join("`, `")
        ),
    };
    let problem = format!("the database `{database}` has no pgq schema `{schema}`");
    Finding::new(FindingCode::SchemaMissing, problem, advice)
}

/// From what keeps this program from using the schema as it is.
pub(super) fn version(error: &DriverError) -> Option<Finding> {
    let code = match error.kind() {
        // The tables are there, and nobody has noted which version they are.
        DriverErrorKind::SchemaMissing => FindingCode::SchemaMissing,
        DriverErrorKind::SchemaOlder => FindingCode::SchemaOlder,
        DriverErrorKind::SchemaNewer => FindingCode::SchemaNewer,
        _ => return None,
    };
    let (problem, advice) = (error.problem(), error.advice().unwrap_or_default());
    Some(Finding::new(code, problem, advice))
}

/// What the user may not do that a worker does.
pub(super) fn rights(state: &SchemaState, schema: &Schema) -> Vec<Finding> {
    let user = quoted(&state.user);
    let mut findings = Vec::new();

    let mut missing = Vec::new();
    let mut grants = Vec::new();
    let of_schema: Vec<&str> = [(state.may_use, "usage"), (state.may_create, "create")]
        .into_iter()
        .filter_map(|(may, name)| (!may).then_some(name))
        .collect();
    if !of_schema.is_empty() {
        let privileges = of_schema.join(", ");
        missing.push(format!("{privileges} on the schema"));
        grants.push(format!("grant {privileges} on schema {schema} to {user}"));
    }
    for (privileges, tables) in by_privileges(&state.missing_grants) {
        missing.push(format!("{privileges} on {}", some(&tables)));
        let kind = match &*privileges {
            "usage" => "sequence ",
            _ => "",
        };
        let tables: Vec<String> = tables
            .iter()
            .map(|table| format!("{schema}.{table}"))
            .collect();
        let tables = tables.join(", ");
        grants.push(format!("grant {privileges} on {kind}{tables} to {user}"));
    }
    if !missing.is_empty() {
        findings.push(Finding::new(
            FindingCode::GrantsMissing,
            format!("the user {user} lacks {}", missing.join("; ")),
            format!("as the owner, run `{}`", grants.join("; ")),
        ));
    }
    if let Some(owner) = &state.foreign_owner {
        let owner = quoted(owner);
        findings.push(Finding::new(
            FindingCode::NotOwner,
            format!(
                "the user {user} does not own the tables, so it cannot make and drop the partitions of \
                 the history"
            ),
            format!("run `grant {owner} to {user}`, or let workers connect as {owner}"),
        ));
    }
    findings
}

/// What is not as the migrations have made it.
pub(super) fn structure(state: &SchemaState, schema: &Schema) -> Vec<Finding> {
    let (altered, lost): (Vec<_>, Vec<_>) = structure::differences(STRUCTURE, &state.structure)
        .into_iter()
        .partition(|difference| !difference.starts_with("index "));
    let finding = |code, differences: &[String], advice: String| {
        let problem = format!(
            "the schema `{schema}` is not as the migrations have made it: {}",
            some(differences)
        );
        (!differences.is_empty()).then(|| Finding::new(code, problem, advice))
    };
    let script = "`pgq migrate --print` shows what the migrations make";
    let altered = finding(
        FindingCode::SchemaAltered,
        &altered,
        format!("undo what was done by hand; {script}"),
    );
    let lost = finding(
        FindingCode::IndexMissing,
        &lost,
        format!("create it again, and what is not valid after it was dropped; {script}"),
    );
    altered.into_iter().chain(lost).collect()
}

/// From "select ready" and "select running" to the tables that lack the same privileges.
fn by_privileges(missing: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut of_table = BTreeMap::<&str, Vec<&str>>::new();
    let mut missing: Vec<_> = missing
        .iter()
        .filter_map(|one| one.split_once(' '))
        .filter(|(_, table)| structure::is_made(table))
        .collect();
    missing.sort_unstable();
    for (privilege, table) in missing {
        of_table.entry(table).or_default().push(privilege);
    }
    let mut tables = BTreeMap::<String, Vec<String>>::new();
    for (table, privileges) in of_table {
        let same = tables.entry(privileges.join(", ")).or_default();
        same.push(table.to_owned());
    }
    tables
}

/// The first ones, and how many more there are.
fn some(names: &[String]) -> String {
    let named = names.iter().take(NAMED_MAX).cloned();
    let named: Vec<String> = named.collect();
    match names.len().saturating_sub(NAMED_MAX) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_names_the_tables_that_lack_the_same() {
        let missing = [
            "delete ready",
            "insert ready",
            "insert worker",
            "select job",
            "select somebody_elses",
            "usage job_number",
        ];
        let state = SchemaState {
            user: "o'app".to_owned(),
            may_use: true,
            missing_grants: missing.map(str::to_owned).to_vec(),
            ..SchemaState::default()
        };

        let findings = rights(&state, &Schema::default());

        let [finding] = &*findings else {
            panic!("{findings:?}");
        };
        assert_eq!(
            finding.advice,
            "as the owner, run `grant create on schema pgq_jobs to \"o'app\"; \
             grant delete, insert on pgq_jobs.ready to \"o'app\"; \
             grant insert on pgq_jobs.worker to \"o'app\"; \
             grant select on pgq_jobs.job to \"o'app\"; \
             grant usage on sequence pgq_jobs.job_number to \"o'app\"`"
        );
    }
}
