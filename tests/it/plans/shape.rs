//! The shape of a plan.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use sqlx::PgPool;

use super::cases::Case;
use super::tables::{ASIDE_JOB, ASIDE_KEY, DETAIL, JOBS, KEY_JOB, PROGRESS};

/// For each table and index that is a partition, what it is a partition of.
pub(super) struct Partitions(HashMap<String, String>);

impl Partitions {
    pub(super) async fn read(pool: &PgPool) -> anyhow::Result<Self> {
        let partitions: Vec<(String, String)> = sqlx::query_as(
            "select part.relname::text, root.relname::text
             from pg_class as part
             join pg_class as root on root.oid = pg_partition_root(part.oid)",
        )
        .fetch_all(pool)
        .await?;
        Ok(Self(partitions.into_iter().collect()))
    }

    fn root<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.get(name).map_or(name, String::as_str)
    }

    /// The table of jobs that a node reads, not by the place of a row.
    fn table_read<'a>(&'a self, node: &'a Value) -> Option<&'a str> {
        let kind = kind(node);
        let table = self.root(node["Relation Name"].as_str()?);
        let reads = JOBS.contains(&table) && kind != "ModifyTable" && kind != "Tid Scan";
        reads.then_some(table)
    }
}

/// What is wrong with a plan of the runtime.
pub(super) fn faults(case: &Case, plan: &Value, partitions: &Partitions) -> Vec<String> {
    let mut faults = Vec::new();
    let mut indexes = BTreeSet::new();
    for node in nodes(plan) {
        if let Some(table) = partitions.table_read(node) {
            if !["Index Scan", "Index Only Scan"].contains(&kind(node)) {
                faults.push(format!("{} on {table}", kind(node)));
            }
            if let Some(index) = node["Index Name"].as_str() {
                indexes.insert(partitions.root(index));
                let condition = node["Index Cond"].as_str().unwrap_or_default();
                // Beside the jobs that are looked for.
                let looked_up = match index {
                    ASIDE_JOB | DETAIL | KEY_JOB | PROGRESS => &["job"],
                    ASIDE_KEY => &["key"],
                    _ => case.looked_up,
                };
                for column in looked_up {
                    if !condition.contains(column) {
                        faults.push(format!("{index} by {condition}, not by {column}"));
                    }
                }
            }
        }
        if kind(node).contains("Sort") {
            let below = unlimited(node).into_iter();
            let sorted = below.filter_map(|node| partitions.table_read(node));
            faults.extend(sorted.map(|table| format!("{} of {table}", kind(node))));
        }
    }
    if !indexes.iter().eq(case.indexes) {
        faults.push(format!("uses {indexes:?}"));
    }
    faults
}

/// The scans of whole tables of jobs.
pub(super) fn whole_scans(plan: &Value, partitions: &Partitions) -> Vec<String> {
    nodes(plan)
        .into_iter()
        .filter(|node| kind(node) == "Seq Scan")
        // Nothing is cheaper to scan than a partition of no pages.
        .filter(|node| node["Total Cost"].as_f64() > Some(0.0))
        .filter_map(|node| partitions.table_read(node))
        .map(|table| format!("Seq Scan on {table}"))
        .collect()
}

/// The nodes below one, but not those below a limit: what is sorted of them is bounded.
fn unlimited(plan: &Value) -> Vec<&Value> {
    let mut found = vec![plan];
    let children = plan["Plans"].as_array().map(Vec::as_slice);
    for child in children.unwrap_or_default() {
        if kind(child) != "Limit" {
            found.extend(unlimited(child));
        }
    }
    found
}

pub(super) fn kind(node: &Value) -> &str {
    node["Node Type"].as_str().unwrap_or_default()
}

/// The nodes of a plan, those of subplans included.
pub(super) fn nodes(plan: &Value) -> Vec<&Value> {
    let mut found = vec![plan];
    let children = plan["Plans"].as_array().map(Vec::as_slice);
    for child in children.unwrap_or_default() {
        found.extend(nodes(child));
    }
    found
}
