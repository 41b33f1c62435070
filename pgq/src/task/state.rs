//! [`StateMap`].

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::transaction::MakeTransaction;

/// Shared values by their type: what `&T` parameters of a task are given.
#[derive(Clone, Default)]
pub struct StateMap {
    values: HashMap<TypeId, (&'static str, Arc<dyn Any + Send + Sync>)>,
}

impl StateMap {
    /// Adds a value, in the place of an earlier one of its type.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.values.insert(
            TypeId::of::<T>(),
            (std::any::type_name::<T>(), Arc::new(value)),
        );
    }

    /// Returns the value of type `T`.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.values.get(&TypeId::of::<T>())?.1.downcast_ref()
    }

    /// The types that a task may take: those of the values, and that of its transaction.
    pub(crate) fn type_ids(&self) -> impl Iterator<Item = TypeId> + '_ {
        self.values.keys().copied().chain(self.of_one_job())
    }

    /// The type of the transaction, which is there for each run of a task.
    pub(crate) fn of_one_job(&self) -> Option<TypeId> {
        self.get::<MakeTransaction>().map(MakeTransaction::type_id)
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn contains(&self, type_id: TypeId) -> bool {
        self.values.contains_key(&type_id)
    }
}

impl fmt::Debug for StateMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.values.values().map(|(name, _)| name))
            .finish()
    }
}
