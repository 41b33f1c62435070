//! What is not named, and what follows from what is.

use pgq::{Retain, Task};

#[pgq::task(retain(failed = "365d",), queue = "mail")]
async fn failed() {}

#[pgq::task(retain(completed = "1h"))]
async fn short() {}

#[pgq::task(retain(result = "3d"))]
async fn result() {}

/// In hours: completed, failed, result.
fn hours(retain: Retain) -> [i16; 3] {
    [retain.completed, retain.failed, retain.result].map(|retention| retention.hours())
}

fn main() {
    assert_eq!(hours(Retain::DEFAULT), [24, 336, 24]);
    assert_eq!(hours(failed::OPTIONS.retain), [24, 8760, 24]);
    assert_eq!(hours(short::OPTIONS.retain), [1, 336, 1]);
    assert_eq!(hours(result::OPTIONS.retain), [72, 336, 72]);
}
