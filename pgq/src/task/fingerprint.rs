//! What tells the input of one build of a task from that of another.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::Task;
use crate::job::Input;
use crate::shape::Shape;

/// The fingerprints that are known, by their tasks: to find one takes as long as some thousand look-ups.
static KNOWN: RwLock<Option<HashMap<TypeId, i64>>> = RwLock::new(None);

/// The fingerprint of the input of `T`, which its jobs carry.
///
/// It is of the shape of the input, so that a change of a field anywhere in it is one of the
/// fingerprint, and how types are written, named and ordered is not.
pub(crate) fn fingerprint<T: Task>() -> i64 {
    fingerprint_of(TypeId::of::<T>(), T::NAME, T::Input::shape)
}

/// What does not depend on the type is compiled once, and not for every task.
pub(super) fn fingerprint_of(task: TypeId, name: &str, shape: fn() -> Shape) -> i64 {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let found = known.as_ref().and_then(|known| known.get(&task));
    if let Some(&fingerprint) = found {
        return fingerprint;
    }
    drop(known);
    let fingerprint = shape().fingerprint(name);
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.get_or_insert_default().insert(task, fingerprint);
    fingerprint
}
