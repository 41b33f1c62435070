//! What a panic says.

use std::any::Any;

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
