//! Why a task does not take an input that somebody wrote who does not know the task.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{TaskDescriptor, panic_message};

/// The longest text of a reason, in bytes.
const REASON_MAX: usize = 1000;

/// Why `task` does not take `input`; `None` if it does. Code of the task's parameters that panics takes nothing.
pub(crate) fn refusal(task: &TaskDescriptor, input: &[u8]) -> Option<String> {
    let (size, limit) = (input.len(), task.options.input_max);
    if let Some(limit) = limit.filter(|limit| size > *limit) {
        return Some(format!(
            "it has {size} bytes, but at most {limit} are allowed"
        ));
    }
    let checked = catch_unwind(AssertUnwindSafe(|| task.check_input(input)));
    let reason = match checked {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => error.to_string(),
        // What it says may quote a secret, and has gone to the program's hook for panics.
        Err(payload) => {
            drop(panic_message(payload));
            "to read it panics, as the log of the worker says".to_owned()
        }
    };
    // Storages have texts without it.
    let mut reason = reason.replace('\0', "\u{fffd}");
    reason.truncate(reason.floor_char_boundary(REASON_MAX));
    Some(reason)
}
