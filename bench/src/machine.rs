//! What the figures were measured on.

use std::fs;

/// Prints the machine.
pub(crate) fn describe() {
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    let unknown = || "unknown".to_owned();
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_else(unknown);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_else(|_| unknown());
    eprintln!("cpu = {count} x {cpu}");
    eprintln!("memory = {memory}");
    eprintln!("kernel = {} {}", std::env::consts::OS, kernel.trim());
    if cfg!(debug_assertions) {
        eprintln!("this is a debug build: its figures mean nothing");
    }
}

/// The value of the first `name: value` of a file.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}
