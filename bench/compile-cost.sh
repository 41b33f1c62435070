#!/usr/bin/env bash
# What the attributes cost at compile time: builds a crate of 200 tasks, and the same crate with
# plain serde structs in the place of the attributes, by turns, and prints the least time of each and
# their ratio, which is to be at most 1.5. It is the time of the processor, which a busy machine
# blurs less than that of the clock.
#
#     bench/compile-cost.sh [tasks] [rounds] [check|build]
set -euo pipefail

tasks=${1:-200}
rounds=${2:-5}
command=${3:-build}
repository=$(cd "$(dirname "$0")/.." && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
export CARGO_TARGET_DIR=${COMPILE_COST_TARGET:-$repository/target/compile-cost}
# One crate is measured, from the beginning.
export CARGO_INCREMENTAL=0

# The input of a task: parameters, and the types that they need.
parameters() {
    case $(($1 % 4)) in
    0) echo "id: u64" ;;
    1) echo "to: String, copies: Option<u32>" ;;
    2) echo "email: Email$1" ;;
    3) echo "paths: Vec<String>, deep: bool, share: f64" ;;
    esac
}

crate() {
    mkdir -p "$place/$1/src"
    cat >"$place/$1/Cargo.toml" <<TOML
[package]
name = "$1"
version = "0.0.0"
edition = "2024"

[dependencies]
pgq = { path = "$repository/pgq", default-features = false, features = ["macros"] }
serde = { version = "1", features = ["derive"] }
TOML
    {
        echo "#![allow(unused)]"
        echo "pub struct Database;"
        for ((i = 0; i < tasks; i++)); do
            [ $((i % 4)) = 2 ] && echo "#[derive(serde::Serialize, serde::Deserialize)]
                pub struct Email$i { to: String, subject: String, size: Option<u64> }"
            if [ "$1" = with_attributes ]; then
                echo '#[pgq::task(queue = "mail", max_attempts = 5, timeout = "30s")]'
            else
                echo "#[derive(serde::Serialize, serde::Deserialize)]
                    pub struct Input$i { $(parameters $i) }"
            fi
            echo "pub async fn task_$i(database: &Database, $(parameters $i))
                -> Result<String, std::fmt::Error> {
                    let _ = database;
                    std::future::ready(()).await;
                    Ok(String::new())
                }"
        done
    } >"$place/$1/src/lib.rs"
}

# Milliseconds of one build of a crate whose dependencies are built.
measure() {
    touch "$place/$1/src/lib.rs"
    # What cargo says, warnings with line numbers among it, is no time.
    { time cargo "$command" --quiet --offline -p "$1" --manifest-path "$place/Cargo.toml" 2>/dev/null; } 2>&1 |
        awk '{ total += $1 + $2 } END { printf "%d\n", total * 1000 }'
}
TIMEFORMAT="%U %S"

cat >"$place/Cargo.toml" <<TOML
[workspace]
resolver = "3"
members = ["with_attributes", "without_attributes"]
TOML
cp "$repository/Cargo.lock" "$place/"
crate with_attributes
crate without_attributes
measure with_attributes >/dev/null
measure without_attributes >/dev/null

least_with=999999999
least_without=999999999
for ((round = 0; round < rounds; round++)); do
    with=$(measure with_attributes)
    without=$(measure without_attributes)
    echo "round $((round + 1)): $with ms with, $without ms without"
    least_with=$((with < least_with ? with : least_with))
    least_without=$((without < least_without ? without : least_without))
done
echo "$tasks tasks, cargo $command: $least_with ms with attributes, $least_without ms without:" \
    "$((least_with * 100 / least_without)) %"
