//! What a panic says.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Tells observers of the program something, as subscribers of `tracing`. A panic of theirs changes nothing of
/// what they are told; what it says has gone to the program's hook for panics.
pub(crate) fn contained(tell: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(tell)) {
        drop(panic_message(payload));
    }
}

/// The message of a panic, from what it was thrown with.
pub(crate) fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let payload = match payload.downcast::<String>() {
        Ok(message) => return *message,
        Err(payload) => payload,
    };
    match payload.downcast::<&'static str>() {
        Ok(message) => (*message).to_owned(),
        Err(payload) => {
            // Leaked, because the destructor of a value that nobody knows may panic again.
            std::mem::forget(payload);
            "a value that is not text".to_owned()
        }
    }
}
